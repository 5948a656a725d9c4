import assert from 'node:assert/strict'
import { it } from 'node:test'
import { jobKind } from '../job-kind.js'
import { openLineage } from '../lineage/lineage.js'
import type { LineageNode } from '../lineage/tree.js'
import { eventsOf, type Stage, unique } from './stage.js'

export function lineageTests(stage: Stage): void {
  const hear = jobKind({
    name: unique('hear'),
    outputRole: 'transcript',
    model: () => ({ name: 'ears', version: '2', provider: 'local' }),
    parameters: () => ({ language: 'en' }),
    run: () => ({ text: 'good morning' }),
  })
  const speak = jobKind({
    name: unique('speak'),
    run: async (input: string, { addOutput, inputs }) => {
      const audio = await addOutput(Buffer.from(`${input} ${inputs.join()}`), {
        role: 'audio',
        contentType: 'audio/wav',
        name: 'speech.wav',
      })
      return { audio: audio.id }
    },
  })

  it('tells what an artifact was made from and what was made from it', async () => {
    const jobs = await stage.open([hear, speak])
    const lineage = openLineage(stage.documents)
    const upload = await lineage.upload(Buffer.from(unique()), { contentType: 'audio/wav', name: 'in.wav' })
    assert.deepEqual([upload.role, upload.name, upload.inputs], ['upload', 'in.wav', []])
    const heard = await jobs.run(hear, null, { inputs: [upload.id] })
    const [transcript] = heard.outputs
    assert.deepEqual(
      [transcript?.id, transcript?.role, transcript?.model?.name, transcript?.parameters, transcript?.jobId],
      [`${heard.id}/transcript`, 'transcript', 'ears', { language: 'en' }, heard.id],
    )
    const spoken = await jobs.run(speak, 'again', { inputs: [transcript?.id ?? ''] })
    const conversation = unique('conversation')
    await lineage.derive(`${conversation}/3`, [spoken.outputs[0]?.id ?? ''])

    const tree = await lineage.tree(transcript?.id ?? '')
    assert.deepEqual(idsIn(tree.madeFrom), [upload.id])
    assert.deepEqual(idsIn(tree.madeInto), [spoken.outputs[0]?.id, `${conversation}/3`])
    assert.deepEqual(tree.madeInto[0]?.nodes[0]?.message, { conversationId: conversation, seq: 3 })
    const fromMessage = await lineage.tree(`${conversation}/3`)
    assert.deepEqual(idsIn(fromMessage.madeFrom), [spoken.outputs[0]?.id, transcript?.id, upload.id])
    const fromJob = await lineage.tree(heard.id)
    assert.deepEqual([fromJob.node.job?.id, idsIn(fromJob.madeFrom)], [heard.id, [upload.id]])
    assert.deepEqual(idsIn(fromJob.madeInto), [transcript?.id, spoken.outputs[0]?.id, `${conversation}/3`])
    const shallow = await lineage.tree(upload.id, { depth: 1 })
    assert.deepEqual([idsIn(shallow.madeInto), shallow.madeInto[0]?.isCut], [[transcript?.id], true])
  })

  it('keeps what came within the input, and links what it came from', async () => {
    const read = jobKind({
      name: unique('read'),
      cache: ({ text }: { text: string; from: string }) => text,
      run: async ({ text, from }: { text: string; from: string }, { addInput, addOutput, linkInput }) => {
        await addInput(Buffer.from(text), { role: 'text', contentType: 'text/plain' })
        linkInput(from)
        return (await addOutput(Buffer.from(`${text}!`), { role: 'audio', contentType: 'audio/wav' })).id
      },
    })
    const jobs = await stage.open([read])
    const lineage = openLineage(stage.documents)
    const text = unique()
    const job = await jobs.run(read, { text, from: 'talk/7' })
    const [source, message] = (await lineage.tree(job.output ?? '')).madeFrom
    assert.deepEqual([source?.artifact?.role, message?.message?.seq], ['text', 7])
    assert.equal(String(await stage.documents.blobs.bytes(source?.id ?? '')), text)
    assert.deepEqual(job.inputs, [source?.id, 'talk/7'])
    assert.equal((await jobs.run(read, { text, from: 'talk/8' })).fromCache, true)
  })

  it('keeps the bytes of artifacts, and lets go of them with the artifact', async () => {
    const jobs = await stage.open([speak])
    const lineage = openLineage(stage.documents)
    const { id, outputs } = await jobs.run(speak, unique())
    const [audio] = outputs
    assert(audio !== undefined)
    const told = (await eventsOf(jobs, id)).flatMap((event) => (event.type === 'output' ? [event.artifact] : []))
    assert.deepEqual(told, [audio])
    const { blobs } = stage.documents
    await assert.rejects(blobs.remove(audio.id), { reason: 'BLOB_LINKED' })
    assert.equal(await lineage.remove(audio.id), true)
    assert.equal(await lineage.remove(audio.id), false)
    assert.equal(await blobs.remove(audio.id), true)
  })

  it('makes artifacts of blobs that jobs are made from, and keeps the first maker of equal bytes', async () => {
    const jobs = await stage.open([speak])
    const lineage = openLineage(stage.documents)
    const text = unique()
    const { hash } = await stage.documents.blobs.put(Buffer.from(text), { contentType: 'text/plain' })
    const first = await jobs.run(speak, text, { inputs: [hash] })
    assert.deepEqual((await lineage.get(hash)).role, 'upload')
    const again = await jobs.run(speak, text, { inputs: [hash] })
    assert.equal(again.outputs[0]?.id, first.outputs[0]?.id)
    assert.equal((await lineage.get(first.outputs[0]?.id ?? '')).jobId, first.id)
    const listed = await lineage.list({ role: 'audio', limit: 1 })
    assert.equal(listed.items[0]?.id, first.outputs[0]?.id)
    await assert.rejects(lineage.tree('f'.repeat(64)), { code: 'NOT_FOUND' })
    await assert.rejects(lineage.tree('nobody/7'), { code: 'NOT_FOUND' })
    await assert.rejects(lineage.tree(hash, { depth: 51 }), { code: 'INVALID_ARGUMENT' })
  })
}

function idsIn(nodes: readonly LineageNode[]): string[] {
  return nodes.flatMap(({ id, nodes: next }) => [id, ...idsIn(next)])
}
