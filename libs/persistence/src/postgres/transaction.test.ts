import assert from 'node:assert/strict'
import { it } from 'node:test'
import type { Statement } from '../sql/driver.js'
import { runTransaction } from './transaction.js'

const statement = (text: string): Statement => ({ text, values: [] })

it('a transaction begins with its first statement, and costs nothing without one', async () => {
  const sent: string[][] = []
  const run = async (asked: Statement, opening?: Statement) => {
    sent.push([...(opening === undefined ? [] : [opening.text]), asked.text])
    return []
  }
  const begin = 'begin isolation level serializable'
  assert.equal(await runTransaction(run, async () => 7), 7)
  await assert.rejects(
    runTransaction(run, async () => Promise.reject(new Error('no'))),
    /no/,
  )
  assert.deepEqual(sent.splice(0), [])
  for (const pace of ['one by one', 'in a row'] as const) {
    await runTransaction(run, (tx) => Promise.all([tx.query(statement('a')), tx.query(statement('b'))]), { pace })
    assert.deepEqual(sent.splice(0), [[begin, 'a'], ['b'], ['commit']])
    const failure = new Error('no')
    const work = async (tx: { query(asked: Statement): Promise<unknown> }) => {
      await tx.query(statement('a'))
      throw failure
    }
    await assert.rejects(runTransaction(run, work, { pace }), failure)
    assert.deepEqual(sent.splice(0), [[begin, 'a'], ['rollback']])
  }
})
