import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { HoldfastError } from '@holdfast/errors'
import { takePicture } from '@holdfast/models'
import { imageGeneration as wire, jobs as jobsWire } from '@holdfast/protocol'
import { type ImagesForTests, startImages, testPicture } from './images-for-tests.js'

const small = { width: 200, height: 150 }

function media(content: Uint8Array): { source: { $case: 'content'; value: Buffer } } {
  return { source: { $case: 'content', value: Buffer.from(content) } }
}

describe('ImageGenerationService', () => {
  let images: ImagesForTests
  before(async () => {
    images = await startImages()
  })
  after(() => images[Symbol.asyncDispose]())

  it('makes the same bytes for the same prompt, size and seed, and says what made them', async () => {
    const spec = { prompt: 'a red balloon over green hills', seed: 5, ...small }
    const first = await images.clients.imageGeneration.generate({ spec })
    const again = await images.clients.imageGeneration.generate({ spec, options: { noCache: true } })
    const [image] = first.images
    assert.ok(image !== undefined && image.content.byteLength > 1_000)
    assert.deepEqual(again.images[0]?.content, image.content)
    assert.deepEqual([image.width, image.height, image.seed, image.kind], [200, 150, 5, 'procedural'])
    assert.match(image.revisedPrompt, /^a procedural scene: hills/)
    assert.deepEqual(
      [image.image?.contentType, image.image?.role, image.thumbnail?.role],
      ['image/png', 'image', 'thumbnail'],
    )
    const { job } = first.job ?? {}
    assert.equal(job?.state, jobsWire.JobState.SUCCEEDED)
    assert.deepEqual([job?.model?.name, job?.model?.provider, job?.usage?.images], ['procedural', 'local', 1])
    const other = await images.clients.imageGeneration.generate({ spec: { ...spec, seed: 6 } })
    assert.notDeepEqual(other.images[0]?.content, image.content)
    const { jobs } = images
    assert.equal((await jobs.get(job?.id ?? '')).outputs.length, 2)
  })

  it('answers a repeated request from what was made before', async () => {
    const spec = { prompt: 'a lake at dawn', seed: 1, ...small }
    const first = await images.clients.imageGeneration.generate({ spec })
    const again = await images.clients.imageGeneration.generate({ spec })
    assert.deepEqual([first.job?.job?.fromCache, again.job?.job?.fromCache], [false, true])
    assert.deepEqual(again.images, first.images)
  })

  it('makes several, with seeds that count up, in the format that was asked for', async () => {
    for (const [format, contentType, magic] of [
      [wire.ImageFormat.PNG, 'image/png', '89504e47'],
      [wire.ImageFormat.JPEG, 'image/jpeg', 'ffd8ff'],
      [wire.ImageFormat.WEBP, 'image/webp', '52494646'],
    ] as const) {
      const spec = { prompt: 'the sea', seed: 10, count: 3, format, ...small }
      const { images: made } = await images.clients.imageGeneration.generate({ spec })
      assert.deepEqual(
        made.map(({ seed }) => seed),
        [10, 11, 12],
      )
      for (const { content, image } of made) {
        assert.equal(image?.contentType, contentType)
        assert.ok(content.toString('hex').startsWith(magic))
        assert.equal(image.sizeBytes, content.byteLength)
        assert.deepEqual((await takePicture(content, { contentType })).width, 200)
      }
    }
  })

  it('draws a seed and says which; a repeated call with its key asks for the same', async () => {
    const spec = { prompt: 'mountains', ...small }
    const [one, other] = [
      await images.clients.imageGeneration.generate({ spec }),
      await images.clients.imageGeneration.generate({ spec }),
    ]
    assert.notEqual(one.images[0]?.seed, undefined)
    assert.notEqual(one.images[0]?.seed, other.images[0]?.seed)
    const options = { key: 'the-key' }
    const first = await images.clients.imageGeneration.submit({ spec, options })
    const again = await images.clients.imageGeneration.submit({ spec, options })
    assert.equal(again.job?.job?.id, first.job?.job?.id)
    await assert.rejects(images.clients.imageGeneration.submit({ spec: { ...spec, prompt: 'hills' }, options }), {
      code: 'ALREADY_EXISTS',
    })
  })

  it('tells those who watch of each image, and what was made at the end', async () => {
    const spec = { prompt: 'a windmill', seed: 3, count: 4, ...small }
    const { job } = await images.clients.imageGeneration.submit({ spec, options: { labels: ['mills'] } })
    const jobId = job?.job?.id ?? ''
    const events: string[] = []
    let ended: wire.ImageJob | undefined
    for await (const { event, job: last } of images.clients.imageGeneration.watch({ jobId })) {
      events.push(event?.event?.$case ?? '')
      ended = last ?? ended
    }
    assert.deepEqual([events[0], events.at(-1)], ['queued', 'succeeded'])
    assert.ok(events.filter((name) => name === 'output').length >= 4, events.join(' '))
    assert.deepEqual(
      ended?.images.map(({ seed }) => seed),
      [3, 4, 5, 6],
    )
    assert.deepEqual((await images.clients.imageGeneration.get({ jobId })).job?.images, ended?.images)
  })

  it('hangs what it made in a gallery, newest first, page by page, by label, with thumbnails', async () => {
    const { imageGeneration } = images.clients
    for (const prompt of ['a first tree', 'a second tree', 'a third tree']) {
      await imageGeneration.generate({ spec: { prompt, seed: 1, count: 2, ...small }, options: { labels: ['trees'] } })
    }
    // Answered from the cache: it hangs there already.
    await imageGeneration.generate({
      spec: { prompt: 'a first tree', seed: 1, count: 2, ...small },
      options: { labels: ['trees'] },
    })
    const first = await imageGeneration.listImages({ label: 'trees', pageSize: 4, withThumbnails: true })
    const rest = await imageGeneration.listImages({ label: 'trees', pageSize: 4, pageToken: first.nextPageToken })
    const listed = [...first.images, ...rest.images]
    assert.deepEqual(
      listed.map(({ prompt, image }) => `${prompt} ${image?.seed}`),
      ['a third tree 1', 'a third tree 2', 'a second tree 1', 'a second tree 2', 'a first tree 1', 'a first tree 2'],
    )
    assert.equal(rest.nextPageToken, '')
    const thumbnail = first.images[0]?.thumbnailContent ?? Buffer.alloc(0)
    assert.deepEqual((await takePicture(thumbnail)).contentType, 'image/webp')
    assert.equal(rest.images[0]?.thumbnailContent.byteLength, 0)
    const found = await imageGeneration.listImages({ query: 'second tree', pageSize: 1 })
    const more = await imageGeneration.listImages({
      query: 'second tree',
      pageSize: 4,
      pageToken: found.nextPageToken,
    })
    assert.deepEqual(
      [...found.images, ...more.images].map(({ prompt, image }) => `${prompt} ${image?.seed}`),
      ['a second tree 1', 'a second tree 2'],
    )
    for (const query of ['second -tree', '"tree second"', 'second house']) {
      assert.deepEqual((await imageGeneration.listImages({ query })).images, [], query)
    }
    assert.deepEqual((await imageGeneration.listImages({ query: 'second', label: 'none' })).images, [])
    const all = await imageGeneration.listImages({ pageSize: 200 })
    assert.ok(all.images.length > listed.length)
    assert.ok(all.images.every(({ image }) => (image?.image?.sizeBytes ?? 0) > 0))
    await assert.rejects(
      imageGeneration.listImages({ pageToken: 'nonsense' }),
      (error: HoldfastError) => error.code === 'INVALID_ARGUMENT',
    )
    await assert.rejects(imageGeneration.listImages({ pageSize: -1 }), { code: 'INVALID_ARGUMENT' })
  })

  it('edits a picture, which is what the new one was made from', async () => {
    const picture = media(await testPicture('coffee.jpg'))
    const { images: made, job } = await images.clients.imageGeneration.edit({
      spec: { prompt: 'make it night', seed: 1 },
      edit: { picture },
    })
    assert.deepEqual([made[0]?.width, made[0]?.height], [600, 400])
    assert.match(made[0]?.revisedPrompt ?? '', /procedural edit: night light/)
    assert.equal(job?.job?.inputIds.length, 1)
    const [artifactId = ''] = job?.job?.inputIds ?? []
    const stored = { source: { $case: 'artifactId', value: artifactId } } as const
    const again = await images.clients.imageGeneration.edit({
      spec: { prompt: 'sepia', seed: 1 },
      edit: { picture: stored },
    })
    assert.deepEqual([again.images[0]?.width, again.images[0]?.height], [600, 400])
    await assert.rejects(
      images.clients.imageGeneration.edit({ spec: { prompt: 'sepia', seed: 1 }, edit: { picture, mask: picture } }),
      (error: HoldfastError) => error.code === 'INVALID_ARGUMENT' && error.fields[0]?.field === 'edit.mask',
    )
  })

  it('refuses rubbish and requests that it cannot meet, naming the field, and works on', async () => {
    const { imageGeneration } = images.clients
    const refused = async (call: Promise<unknown>, code: string, field: string): Promise<void> => {
      await assert.rejects(call, (error: HoldfastError) => {
        assert.deepEqual([error.code, error.fields[0]?.field], [code, field])
        return true
      })
    }
    const spec = { prompt: 'hills', ...small }
    await refused(imageGeneration.generate({}), 'INVALID_ARGUMENT', 'spec')
    await refused(imageGeneration.generate({ spec: { ...spec, prompt: '  ' } }), 'INVALID_ARGUMENT', 'spec.prompt')
    await refused(
      imageGeneration.generate({ spec: { ...spec, prompt: 'x'.repeat(4_097) } }),
      'INVALID_ARGUMENT',
      'spec.prompt',
    )
    await refused(imageGeneration.generate({ spec: { ...spec, width: 63 } }), 'INVALID_ARGUMENT', 'spec.width')
    await refused(imageGeneration.generate({ spec: { prompt: 'hills', width: 64 } }), 'INVALID_ARGUMENT', 'spec.height')
    await refused(imageGeneration.generate({ spec: { ...spec, count: 11 } }), 'INVALID_ARGUMENT', 'spec.count')
    await refused(imageGeneration.generate({ spec: { ...spec, seed: -1 } }), 'INVALID_ARGUMENT', 'spec.seed')
    await refused(imageGeneration.generate({ spec: { ...spec, quality: 101 } }), 'INVALID_ARGUMENT', 'spec.quality')
    await refused(
      imageGeneration.generate({ spec: { ...spec, format: 9 as wire.ImageFormat } }),
      'INVALID_ARGUMENT',
      'spec.format',
    )
    await refused(imageGeneration.edit({ spec }), 'INVALID_ARGUMENT', 'edit')
    const edit = (bytes: Uint8Array): Promise<unknown> =>
      imageGeneration.edit({ spec, edit: { picture: media(bytes) } })
    await refused(edit(Buffer.alloc(0)), 'INVALID_ARGUMENT', 'edit.picture')
    await refused(edit((await testPicture('cat.jpg')).subarray(0, 5_000)), 'INVALID_ARGUMENT', 'edit.picture')
    await refused(edit(Buffer.from('%PDF-1.7')), 'INVALID_ARGUMENT', 'edit.picture')
    await refused(edit(Buffer.from('\0\0\0\x20ftypisom\0\0\x02\0', 'latin1')), 'INVALID_ARGUMENT', 'edit.picture')
    assert.equal((await imageGeneration.generate({ spec })).images.length, 1)
    await images.service.health()
  })

  it('cancels between two images', async () => {
    const spec = { prompt: 'a city at night', seed: 1, count: 10, width: 1_024, height: 1_024 }
    const { job } = await images.clients.imageGeneration.submit({ spec })
    const jobId = job?.job?.id ?? ''
    for await (const { event } of images.clients.imageGeneration.watch({ jobId })) {
      if (event?.event?.$case === 'started') break
    }
    await images.clients.imageGeneration.cancel({ jobId })
    const { state } = await images.jobs.wait(jobId)
    assert.equal(state, 'cancelled')
    const { images: hung } = await images.clients.imageGeneration.listImages({ pageSize: 200 })
    assert.ok(hung.every((one) => one.jobId !== jobId))
  })
})
