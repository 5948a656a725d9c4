import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { it } from 'node:test'
import { openDocumentStore } from '../index.js'
import { headFirst } from './late-head.js'

it('a head goes first where bytes are stored in order', async () => {
  for (const knownAt of [0, 1, 3]) {
    let tell: (head: Uint8Array) => void = () => undefined
    const bytes = new Promise<Uint8Array>((resolve) => (tell = resolve))
    const source = async function* () {
      for (let at = 0; at < 3; at += 1) {
        if (at === knownAt) tell(Buffer.from('head'))
        const reused = Buffer.from([at])
        yield reused
        reused.fill(9)
      }
      tell(Buffer.from('head'))
    }
    const parts: Uint8Array[] = []
    for await (const part of headFirst(source(), { sizeBytes: 4, bytes })) parts.push(Uint8Array.from(part))
    assert.deepEqual(Buffer.concat(parts), Buffer.from([...Buffer.from('head'), 0, 1, 2]))
  }
})

it('a head goes first in a folder of blobs', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-'))
  const store = await openDocumentStore('memory:', { blobs: { folder } })
  try {
    const head = { sizeBytes: 2, bytes: Promise.resolve(Buffer.from('a ')) }
    const source = (async function* () {
      yield Buffer.from('tail')
    })()
    const { hash, sizeBytes } = await store.blobs.put(source, { head })
    assert.deepEqual([String(await store.blobs.bytes(hash)), sizeBytes], ['a tail', 6])
  } finally {
    await store.close()
    await rm(folder, { recursive: true, force: true })
  }
})
