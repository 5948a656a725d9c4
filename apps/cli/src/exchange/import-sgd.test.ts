import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { accesses } from '../access/access-for-tests.js'
import type { ConversationAccess } from '../access/conversation-access.js'
import type { ImportReport } from './import-report.js'
import { importDialogues } from './import-sgd.js'

const dialogue = {
  dialogue_id: '1_00000',
  services: ['Restaurants_2', 'Hotels_1'],
  turns: [
    { speaker: 'USER', utterance: 'A table for two.', frames: [frame('Restaurants_2', { seats: ['2'] })] },
    { speaker: 'SYSTEM', utterance: 'Where?', frames: [{ service: 'Restaurants_2' }] },
    {
      speaker: 'USER',
      utterance: 'In San Jose, and a room.',
      frames: [frame('Restaurants_2', { city: ['San Jose'] }), frame('Hotels_1', {})],
    },
    { speaker: 'SYSTEM', utterance: 'Done.', frames: [] },
  ],
}

function frame(service: string, slot_values: Record<string, string[]>): object {
  return { service, actions: [], state: { active_intent: 'Book', requested_slots: [], slot_values } }
}

let folder: string
let file: string

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'holdfast-sgd-'))
  file = join(folder, 'dialogues.json')
  await writeFile(file, JSON.stringify([dialogue, { ...dialogue, dialogue_id: '1_00001' }]))
})

after(() => rm(folder, { recursive: true, force: true }))

function importFile(access: ConversationAccess, path: string = file): Promise<ImportReport> {
  const signal = new AbortController().signal
  return importDialogues(access, [path], { signal, concurrency: 8, userId: 'sgd' })
}

for (const { name, open } of accesses) {
  describe(`an import of dialogues into ${name}`, () => {
    test('makes a conversation of each dialogue, a message of each turn, a version of the state of each turn of the user', async () => {
      await using opened = await open()
      const access = opened.conversations
      const report = await importFile(access)
      assert.deepEqual(report, { conversations: 2, created: 2, messages: 8, appended: 8, statesChanged: 4, deleted: 0 })
      const { title, userId, metadata } = await access.get('sgd-1_00000')
      assert.deepEqual([title, userId], ['A table for two.', 'sgd'])
      assert.deepEqual({ ...metadata }, { source: 'sgd', dialogue_id: '1_00000', services: 'Restaurants_2,Hotels_1' })
      const messages = await access.messages('sgd-1_00000')
      assert.deepEqual(
        messages.map(({ seq, id, role, parts }) => [
          seq,
          id,
          role,
          ...parts.map((part) => ('text' in part ? part.text : '')),
        ]),
        [
          [1, 'turn-1', 'user', 'A table for two.'],
          [2, 'turn-2', 'assistant', 'Where?'],
          [3, 'turn-3', 'user', 'In San Jose, and a room.'],
          [4, 'turn-4', 'assistant', 'Done.'],
        ],
      )
      const { state, version } = await access.state('sgd-1_00000')
      const booking = (slot_values: object): object => ({ active_intent: 'Book', requested_slots: [], slot_values })
      assert.equal(version, 2)
      assert.deepEqual(state, {
        turn: 3,
        services: { Restaurants_2: booking({ city: ['San Jose'] }), Hotels_1: booking({}) },
      })
    })

    test('changes nothing the second time', async () => {
      await using opened = await open()
      const access = opened.conversations
      const look = async (): Promise<unknown> => [
        await access.get('sgd-1_00000'),
        await access.messages('sgd-1_00000'),
        (await access.state('sgd-1_00000')).version,
      ]
      await importFile(access)
      const before = await look()
      const report = await importFile(access)
      assert.deepEqual(report, { conversations: 2, created: 0, messages: 8, appended: 0, statesChanged: 0, deleted: 0 })
      assert.deepEqual(await look(), before)
    })

    test('leaves alone a conversation that went on, and its state', async () => {
      await using opened = await open()
      const access = opened.conversations
      await importFile(access)
      await access.append('sgd-1_00000', [{ key: 'more', role: 'user', parts: [{ type: 'text', text: 'Thanks!' }] }])
      await access.patchState('sgd-1_00000', { turn: 5, mine: true })
      const report = await importFile(access)
      assert.deepEqual([report.appended, report.statesChanged], [0, 0])
      assert.equal((await access.get('sgd-1_00000')).lastSeq, 5)
      assert.equal((await access.state('sgd-1_00000')).state['mine'], true)
    })
  })
}

test('an import of dialogues names the file and the place of what it does not understand', async () => {
  await using opened = await accesses[0]?.open()
  assert.ok(opened)
  const bad = join(folder, 'bad.json')
  for (const [content, expected] of [
    ['[\n{"dialogue_id": "x",\n]', /bad\.json:3 is not JSON/],
    ['[{"dialogue_id": "x"}]', /bad\.json: \[0\.services\] is not a dialogue/],
    ['{}', /bad\.json must be an array/],
  ] as const) {
    await writeFile(bad, content)
    await assert.rejects(importFile(opened.conversations, bad), { code: 'INVALID_ARGUMENT', message: expected })
  }
  await assert.rejects(importFile(opened.conversations, join(folder, 'none.json')), { code: 'NOT_FOUND' })
})
