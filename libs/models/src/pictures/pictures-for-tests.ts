import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { crc32, createDeflate } from 'node:zlib'

const folder = join(import.meta.dirname, '..', '..', 'test-pictures')

export type TestPicture = 'astronaut.jpg' | 'cat.jpg' | 'coffee.jpg' | 'page.png'

export function testPicture(name: TestPicture): Promise<Buffer> {
  return readFile(join(folder, name))
}

/** A whole black PNG of one bit a pixel, made row by row: 50,000 × 50,000 pixels are 1.4 MB. */
export async function blackPng(width: number, height: number, ...chunks: readonly Buffer[]): Promise<Buffer> {
  const header = Buffer.alloc(13)
  header.writeUInt32BE(width, 0)
  header.writeUInt32BE(height, 4)
  header[8] = 1
  const rows = await deflated(Buffer.alloc(Math.ceil(width / 8) + 1), height)
  return Buffer.concat([
    Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'),
    pngChunk('IHDR', header),
    ...chunks,
    pngChunk('IDAT', rows),
    pngChunk('IEND', Buffer.alloc(0)),
  ])
}

/** A compressed text within a PNG that is `sizeBytes` long when it is unpacked. */
export async function textBomb(sizeBytes: number): Promise<Buffer> {
  const piece = Buffer.alloc(1024 * 1024, 'a')
  const text = await deflated(piece, sizeBytes / piece.byteLength)
  return pngChunk('zTXt', Buffer.concat([Buffer.from('Comment\0\0', 'latin1'), text]))
}

export function pngChunk(type: string, data: Buffer): Buffer {
  const length = Buffer.alloc(4)
  length.writeUInt32BE(data.byteLength)
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data])
  const checksum = Buffer.alloc(4)
  checksum.writeUInt32BE(crc32(body))
  return Buffer.concat([length, body, checksum])
}

async function deflated(piece: Buffer, times: number): Promise<Buffer> {
  const deflate = createDeflate({ level: 1 })
  const chunks: Buffer[] = []
  deflate.on('data', (chunk: Buffer) => chunks.push(chunk))
  for (let n = 0; n < times; n++) {
    if (!deflate.write(piece)) await new Promise((resolve) => deflate.once('drain', resolve))
  }
  deflate.end()
  await new Promise((resolve) => deflate.once('end', resolve))
  return Buffer.concat(chunks)
}
