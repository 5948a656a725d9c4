import { HoldfastError } from '@holdfast/errors'

/** Some bytes of a file, in the order in which they come. */
export interface TarPiece {
  /** As the archive has it. */
  readonly path: string
  /** Where in the file they begin. */
  readonly at: number
  readonly bytes: Uint8Array
}

const blockBytes = 512

/** The contents of the files of an uncompressed tar, piece by piece; empty files, folders and links are left out. For tarballs of npm, whose
 *  paths fit into a header. Source: https://pubs.opengroup.org/onlinepubs/9699919799/utilities/pax.html, ustar
 *  @throws DATA_LOSS if it breaks off */
export async function* tarPieces(tar: AsyncIterable<Buffer>): AsyncGenerator<TarPiece, void, undefined> {
  let header = Buffer.alloc(0)
  let path = ''
  let at = 0
  let left = 0
  let skipped = 0
  for await (const chunk of tar) {
    let rest = chunk
    const take = (length: number): Buffer => {
      const taken = rest.subarray(0, length)
      rest = rest.subarray(length)
      return taken
    }
    while (rest.length > 0) {
      if (left > 0) {
        const bytes = take(left)
        yield { path, at, bytes }
        at += bytes.length
        left -= bytes.length
      } else if (skipped > 0) {
        skipped -= take(skipped).length
      } else {
        header = Buffer.concat([header, take(blockBytes - header.length)])
        if (header.length < blockBytes) continue
        const entry = entryOf(header)
        header = Buffer.alloc(0)
        const padding = (blockBytes - (entry.sizeBytes % blockBytes)) % blockBytes
        path = entry.path
        at = 0
        left = entry.isFile ? entry.sizeBytes : 0
        skipped = entry.isFile ? padding : entry.sizeBytes + padding
      }
    }
  }
  if (left > 0 || header.length > 0) throw new HoldfastError('DATA_LOSS', `An archive breaks off in ${path}`)
}

function entryOf(header: Buffer): { readonly path: string; readonly sizeBytes: number; readonly isFile: boolean } {
  const text = (from: number, length: number) => header.toString('utf8', from, from + length).replace(/\0.*$/s, '')
  const prefix = text(345, 155)
  const name = text(0, 100)
  const type = text(156, 1)
  return {
    path: prefix === '' ? name : `${prefix}/${name}`,
    sizeBytes: Number.parseInt(text(124, 12).trim(), 8) || 0,
    isFile: (type === '0' || type === '') && name !== '',
  }
}
