import { configureTextEncoding, getTextEncoding } from '@bufbuild/protobuf/wire'

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** Makes decoding fail on a string that is not UTF-8, as the protobuf language asks for; by default the generated code
 *  would put U+FFFD in its place and store what nobody sent. Holds for all users of this copy of @bufbuild/protobuf.
 *  Source: https://protobuf.dev/programming-guides/proto3/#scalar */
export function refuseMalformedText(): void {
  configureTextEncoding({ ...getTextEncoding(), decodeUtf8: (bytes) => decoder.decode(bytes) })
}
