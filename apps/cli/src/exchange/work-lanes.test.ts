import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { WorkLanes } from './work-lanes.js'

test('runs the works of a lane one after the other, and those of others at the same time', async () => {
  const lanes = new WorkLanes(10)
  const events: string[] = []
  const work = (name: string) => async () => {
    events.push(`${name} begins`)
    await setImmediate()
    events.push(`${name} ends`)
  }
  await lanes.add('a', work('a1'))
  await lanes.add('a', work('a2'))
  await lanes.add('b', work('b1'))
  await lanes.drained()
  assert.deepEqual(
    events.filter((event) => event.startsWith('a')),
    ['a1 begins', 'a1 ends', 'a2 begins', 'a2 ends'],
  )
  assert.ok(events.indexOf('b1 begins') < events.indexOf('a1 ends'))
})

test('takes on no more works than its width', async () => {
  const lanes = new WorkLanes(3)
  let running = 0
  let most = 0
  for (let index = 0; index < 20; index++) {
    await lanes.add(`${index}`, async () => {
      most = Math.max(most, ++running)
      await setImmediate()
      running--
    })
  }
  await lanes.drained()
  assert.equal(most, 3)
})

test('throws what a work failed with, and begins no other', async () => {
  const lanes = new WorkLanes(2)
  const failure = new Error('no')
  let later = 0
  const addAll = async (): Promise<void> => {
    await lanes.add('a', () => Promise.reject(failure))
    for (let index = 0; index < 5; index++) await lanes.add('a', async () => void later++)
  }
  await assert.rejects(addAll(), failure)
  await assert.rejects(lanes.drained(), failure)
  assert.equal(later, 0)
})
