import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { crc32, deflateSync } from 'node:zlib'
import { HoldfastError } from '@holdfast/errors'
import { jobs as jobsWire, vision as wire } from '@holdfast/protocol'
import { startVision, testPicture, type VisionForTests } from './vision-for-tests.js'

function media(
  content: Uint8Array,
  contentType = '',
): { source: { $case: 'content'; value: Buffer }; contentType: string } {
  return { source: { $case: 'content', value: Buffer.from(content) }, contentType }
}

describe('VisionService', () => {
  let vision: VisionForTests
  before(async () => {
    vision = await startVision()
  })
  after(() => vision[Symbol.asyncDispose]())

  it('finds things with their boxes, and says who did it and what it used', async () => {
    const { objects, job } = await vision.clients.vision.detect({ picture: media(await testPicture('coffee.jpg')) })
    const [cup] = objects
    assert.equal(cup?.label, 'cup')
    assert.ok((cup.score ?? 0) > 0.4 && (cup.box?.left ?? 0) > 120 && (cup.box?.width ?? 0) > 180)
    assert.equal(job?.job?.state, jobsWire.JobState.SUCCEEDED)
    assert.equal(job?.job?.model?.name, 'local-vision')
    assert.ok((job?.job?.usage?.computeMs ?? 0) > 0)
    const { width, height, contentType, wasRotated, artifactId } = job?.result?.picture ?? assert.fail('no picture')
    assert.deepEqual([width, height, contentType, wasRotated], [600, 400, 'image/jpeg', false])
    assert.deepEqual(job?.job?.inputIds, [artifactId])
    assert.equal(job?.job?.outputs[0]?.role, 'vision')
  })

  it('reads what is written, in order', async () => {
    const { text, lines } = await vision.clients.vision.readText({ picture: media(await testPicture('page.png')) })
    assert.match(text, /^Region-based segmentation\nLet us first determine markers of the coins and the\n/)
    assert.equal(lines.length, 7)
    assert.ok((lines[0]?.score ?? 0) > 0.9 && (lines[0]?.box?.width ?? 0) > 200)
  })

  it('describes from what it found, and says so', async () => {
    const { description, job } = await vision.clients.vision.describe({ picture: media(await testPicture('cat.jpg')) })
    assert.match(description?.text ?? '', /It shows a cat/)
    assert.equal(description?.basis, 'detections')
    assert.deepEqual(job?.result?.description, description)
  })

  it('compares: a copy that was cropped is near, another picture is not', async () => {
    const [cat, coffee] = [await testPicture('cat.jpg'), await testPicture('coffee.jpg')]
    const { similarity: same } = await vision.clients.vision.compare({ picture: media(cat), other: media(cat) })
    const { similarity, job } = await vision.clients.vision.compare({ picture: media(cat), other: media(coffee) })
    assert.equal(same, 1)
    assert.ok(similarity < 0.65, String(similarity))
    assert.equal(job?.job?.inputIds.length, 2)
    assert.equal(job?.result?.comparison?.other?.width, 600)
    await assert.rejects(vision.clients.vision.compare({ picture: media(cat) }), {
      code: 'INVALID_ARGUMENT',
      message: /^other is missing/,
    })
  })

  it('answers the same picture from what it found before, unless it is asked not to', async () => {
    const picture = media(await testPicture('astronaut.jpg'))
    const first = await vision.clients.vision.detect({ picture })
    const again = await vision.clients.vision.detect({ picture })
    assert.deepEqual([first.job?.job?.fromCache, again.job?.job?.fromCache], [false, true])
    assert.deepEqual(again.objects, first.objects)
    const anew = await vision.clients.vision.detect({ picture, options: { noCache: true } })
    assert.equal(anew.job?.job?.fromCache, false)
    const other = await vision.clients.vision.detect({ picture, detect: { minScore: 0.9 } })
    assert.deepEqual([other.job?.job?.fromCache, other.objects], [false, []])
  })

  it('does several tasks as one job, watched to its end', async () => {
    const tasks = [wire.VisionTask.DETECT, wire.VisionTask.READ_TEXT, wire.VisionTask.DESCRIBE]
    const picture = media(await testPicture('page.png'))
    const { job } = await vision.clients.vision.submit({ picture, tasks, options: { labels: ['pages'], key: 'one' } })
    const id = job?.job?.id ?? assert.fail('no job')
    const repeated = await vision.clients.vision.submit({ picture, tasks, options: { labels: ['pages'], key: 'one' } })
    assert.equal(repeated.job?.job?.id, id)
    const seen: string[] = []
    let last: wire.VisionJob | undefined
    for await (const { event, job: ended } of vision.clients.vision.watch({ jobId: id })) {
      seen.push(event?.event?.$case ?? '')
      last = ended ?? last
    }
    assert.deepEqual([seen[0], seen.at(-1)], ['queued', 'succeeded'])
    assert.equal(last?.result?.text?.lines.length, 7)
    assert.deepEqual(last?.result?.detections?.objects, [])
    assert.match(last?.result?.description?.text ?? '', /Text in it reads/)
    const { jobs } = await vision.clients.vision.list({ filter: { label: 'pages' } })
    assert.deepEqual(
      jobs.map((one) => one.job?.id),
      [id],
    )
    const got = await vision.clients.vision.get({ jobId: id })
    assert.deepEqual(got.job?.result, last?.result)
  })

  it('looks at an artifact that was stored before, and keeps no metadata of what comes with a request', async () => {
    const withExif = jpegWithComment(await testPicture('cat.jpg'), 'secret-place')
    const { hash } = await vision.store.blobs.put(withExif, { contentType: 'image/jpeg' })
    const stored = await vision.clients.vision.detect({ picture: { source: { $case: 'artifactId', value: hash } } })
    assert.equal(stored.objects[0]?.label, 'cat')
    assert.deepEqual(stored.job?.job?.inputIds, [hash])
    const sent = await vision.clients.vision.detect({ picture: media(withExif) })
    const kept = sent.job?.result?.picture?.artifactId ?? ''
    assert.notEqual(kept, hash)
    const bytes: Uint8Array[] = []
    for await (const piece of vision.store.blobs.get(kept)) bytes.push(piece)
    assert.ok(bytes.length > 0 && !Buffer.concat(bytes).includes('secret-place'))
    const none = { source: { $case: 'artifactId', value: 'a'.repeat(64) } } as const
    await assert.rejects(vision.clients.vision.detect({ picture: none }), {
      code: 'NOT_FOUND',
      reason: 'ARTIFACT_NOT_FOUND',
    })
  })

  it('cancels a job, its model with it', async () => {
    const picture = media(await testPicture('astronaut.jpg'))
    const { job } = await vision.clients.vision.submit({
      picture,
      tasks: [wire.VisionTask.READ_TEXT],
      options: { noCache: true },
    })
    const jobId = job?.job?.id ?? ''
    for (let n = 0; n < 500 && !vision.model.states().ocr.running; n++) await delay(2)
    const { job: cancelled } = await vision.clients.vision.cancel({ jobId })
    assert.equal(cancelled?.job?.state, jobsWire.JobState.CANCELLED)
    assert.equal(vision.model.states().ocr.running, false)
    const { job: retried } = await vision.clients.vision.retry({ jobId })
    assert.equal(retried?.job?.id, jobId)
    assert.equal((await vision.jobs.wait(jobId)).state, 'succeeded')
  })

  it('refuses rubbish with what is wrong with it, and works on', async () => {
    const cat = await testPicture('cat.jpg')
    const video = Buffer.concat([
      Buffer.from('\0\0\0\x20ftypisom\0\0\x02\0isomiso2avc1mp41', 'latin1'),
      Buffer.alloc(9_000),
    ])
    const rubbish: readonly (readonly [string, Uint8Array, string, RegExp])[] = [
      ['empty', Buffer.alloc(0), 'INVALID_ARGUMENT', /^picture is empty/],
      ['cut off', cat.subarray(0, 9_000), 'INVALID_ARGUMENT', /^picture is cut off or damaged/],
      ['a video', video, 'INVALID_ARGUMENT', /^picture is a video/],
      ['text', Buffer.from('hello'), 'INVALID_ARGUMENT', /^picture is text/],
      [
        'an SVG',
        Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"/>'),
        'INVALID_ARGUMENT',
        /^picture is an SVG drawing/,
      ],
      ['50,000 × 50,000 pixels', hugePng(50_000), 'RESOURCE_EXHAUSTED', /^picture has 50,000 × 50,000 pixels/],
    ]
    for (const [name, bytes, code, message] of rubbish) {
      const wrong = (error: unknown): boolean => {
        assert.ok(error instanceof HoldfastError, name)
        assert.match(error.message, message)
        assert.deepEqual([error.code, error.fields[0]?.field], [code, 'picture'])
        return true
      }
      await assert.rejects(vision.clients.vision.describe({ picture: media(bytes) }), wrong)
      await assert.rejects(
        vision.clients.vision.submit({ picture: media(bytes), tasks: [wire.VisionTask.DETECT] }),
        wrong,
      )
      if (bytes.byteLength === 0) continue
      const { hash } = await vision.store.blobs.put(bytes)
      const uploaded = { source: { $case: 'artifactId', value: hash } } as const
      await assert.rejects(vision.clients.vision.detect({ picture: uploaded }), wrong)
    }
    const renamed = media(cat, 'image/png')
    await assert.rejects(vision.clients.vision.detect({ picture: renamed }), {
      code: 'INVALID_ARGUMENT',
      message: /was sent as image\/png/,
    })
    const { objects } = await vision.clients.vision.detect({ picture: media(cat), options: { noCache: true } })
    assert.equal(objects[0]?.label, 'cat')
  })

  it('names the field that is wrong as the caller wrote it', async () => {
    const picture = media(await testPicture('cat.jpg'))
    const { vision: client } = vision.clients
    const field =
      (name: string) =>
      (error: unknown): boolean =>
        error instanceof HoldfastError && error.code === 'INVALID_ARGUMENT' && error.fields[0]?.field === name
    await assert.rejects(client.detect({ picture, detect: { minScore: 1.5 } }), field('detect.min_score'))
    await assert.rejects(client.detect({ picture, detect: { limit: 1_001 } }), field('detect.limit'))
    await assert.rejects(
      client.describe({ picture, describe: { prompt: 'x'.repeat(4_097) } }),
      field('describe.prompt'),
    )
    await assert.rejects(client.submit({ picture, tasks: [] }), field('tasks'))
    await assert.rejects(client.submit({ picture, tasks: [9 as wire.VisionTask] }), field('tasks[0]'))
    await assert.rejects(client.detect({}), field('picture'))
  })

  it('is healthy while the model is installed', async () => {
    await vision.service.health()
  })
})

/** A header that promises so many pixels each way; what follows does not matter, since nothing of it is decoded. */
function hugePng(side: number): Buffer {
  const header = Buffer.alloc(13)
  header.writeUInt32BE(side, 0)
  header.writeUInt32BE(side, 4)
  header[8] = 1
  const chunk = (type: string, data: Buffer): Buffer => {
    const body = Buffer.concat([Buffer.from(type, 'latin1'), data])
    const ends = Buffer.alloc(8)
    ends.writeUInt32BE(data.byteLength, 0)
    ends.writeUInt32BE(crc32(body), 4)
    return Buffer.concat([ends.subarray(0, 4), body, ends.subarray(4)])
  }
  const magic = Buffer.from('\x89PNG\r\n\x1a\n', 'latin1')
  return Buffer.concat([
    magic,
    chunk('IHDR', header),
    chunk('IDAT', deflateSync(Buffer.alloc(1_000))),
    chunk('IEND', Buffer.alloc(0)),
  ])
}

/** A comment behind the first marker. Source: ITU T.81, B.2.4.5 */
function jpegWithComment(jpeg: Buffer, comment: string): Buffer {
  const length = Buffer.alloc(2)
  length.writeUInt16BE(comment.length + 2)
  return Buffer.concat([
    jpeg.subarray(0, 2),
    Buffer.from('fffe', 'hex'),
    length,
    Buffer.from(comment),
    jpeg.subarray(2),
  ])
}
