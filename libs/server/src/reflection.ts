import type { Server } from '@grpc/grpc-js'
import type { EnumTypeDefinition } from '@grpc/proto-loader'
import { ReflectionService } from '@grpc/reflection'

/** Serves grpc.reflection.v1 and v1alpha for the named services.
 *
 *  The descriptors go in as the compiler wrote them: made from what proto-loader parses, they would lack imports,
 *  `optional` and absolute type names, and grpcurl could not read them. */
export function addReflection(server: Server, descriptors: readonly Buffer[], services: readonly string[]): void {
  const files: EnumTypeDefinition = {
    format: 'Protocol Buffer 3 EnumDescriptorProto',
    type: {},
    fileDescriptorProtos: [...descriptors],
  }
  new ReflectionService({ files }, { services: [...services] }).addToServer(server)
}
