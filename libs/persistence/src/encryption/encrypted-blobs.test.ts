import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { openDocumentStore } from '../open.js'

describe('encrypted blobs in a folder', () => {
  const encryption = { keys: [{ id: 'a', secret: randomBytes(32) }], blobs: true }
  let root: string

  before(async () => {
    root = await mkdtemp(join(tmpdir(), 'holdfast-blobs-'))
  })

  after(() => rm(root, { recursive: true, force: true }))

  async function filesOf(folder: string): Promise<string[]> {
    const names = await readdir(folder, { recursive: true, withFileTypes: true })
    return names.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
  }

  it('are read whole and in parts, and lie there without their content', async () => {
    const folder = join(root, 'parts')
    await using store = await openDocumentStore('memory:', { encryption, blobs: { folder } })
    const content = Buffer.alloc(900_000, 'plaintextmarker ')
    const { hash } = await store.blobs.put(content)
    assert.ok(content.equals(await store.blobs.bytes(hash)))
    for (const [start, end] of [
      [0, 10],
      [262_140, 262_150],
      [262_144, 524_288],
      [5, 899_999],
      [899_990, 900_000],
    ] as const) {
      const parts: Uint8Array[] = []
      for await (const part of store.blobs.get(hash, { start, end })) parts.push(part)
      assert.ok(Buffer.concat(parts).equals(content.subarray(start, end)), `${start} to ${end}`)
    }
    for (const file of await filesOf(folder)) assert.ok(!(await readFile(file)).includes('plaintextmarker'), file)
  })

  it('are noticed when two of their frames change places', async () => {
    const folder = join(root, 'swap')
    await using store = await openDocumentStore('memory:', { encryption, blobs: { folder } })
    const { hash } = await store.blobs.put(randomBytes(3 * 262_144))
    const frameBytes = 262_144 + 40
    for (const file of await filesOf(folder)) {
      const bytes = await readFile(file)
      if (bytes.length !== 3 * frameBytes) continue
      const swapped = [bytes.subarray(frameBytes, 2 * frameBytes), bytes.subarray(0, frameBytes)]
      await writeFile(file, Buffer.concat([...swapped, bytes.subarray(2 * frameBytes)]))
    }
    const read = async () => {
      for await (const _ of store.blobs.get(hash, { start: 262_144, end: 262_150 })) void _
    }
    await assert.rejects(read(), { code: 'DATA_LOSS', reason: 'DECRYPTION_FAILED' })
  })
})
