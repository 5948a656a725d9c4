import { BinaryReader } from '@bufbuild/protobuf/wire'
import { fileDescriptorSet } from './gen/descriptors.js'

/** Each file of proto/ and what it imports as a serialized google.protobuf.FileDescriptorProto, for server reflection. */
export function fileDescriptors(): Buffer[] {
  const reader = new BinaryReader(fileDescriptorSet)
  const files: Buffer[] = []
  while (reader.pos < reader.len) {
    // FileDescriptorSet has one field: repeated FileDescriptorProto file = 1.
    reader.tag()
    files.push(Buffer.from(reader.bytes()))
  }
  return files
}
