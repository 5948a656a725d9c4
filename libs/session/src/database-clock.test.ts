import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { DatabaseClock } from './database-clock.js'

describe("the database's clock", () => {
  it('is asked once, and goes on by itself', async () => {
    let asked = 0
    const clock = new DatabaseClock(async () => ((asked += 1), 1_000_000))
    const first = await clock.now()
    await delay(20)
    const second = await clock.now()
    assert.deepEqual([asked, first], [1, 1_000_000])
    assert.ok(second >= first + 18, `${second}`)
  })

  it('is asked each time while answers take long', async () => {
    let asked = 0
    const clock = new DatabaseClock(async () => {
      await delay(10)
      return 1_000_000 + (asked += 1)
    })
    assert.deepEqual([await clock.now(), await clock.now()], [1_000_001, 1_000_002])
  })

  it('is never before a time that the database gave', async () => {
    const clock = new DatabaseClock(async () => 1_000_000)
    await clock.now()
    clock.saw(2_000_000)
    assert.equal(await clock.now(), 2_000_000)
  })
})
