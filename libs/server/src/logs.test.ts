import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { HoldfastError } from '@holdfast/errors'
import { type LoggerOptions, createLogger } from './logs.js'

function written(options: LoggerOptions, log: (logger: ReturnType<typeof createLogger>) => void): string {
  let text = ''
  log(createLogger({ ...options, destination: { write: (line) => void (text += line) } }))
  return text
}

describe('the log', () => {
  it('is one JSON object a line', () => {
    const text = written({}, (logger) => {
      logger.child({ method: 'm' }).info({ conversationId: 'c' }, 'one')
      logger.debug('hidden')
      logger.warn('two\nlines')
    })
    const entries = text
      .trimEnd()
      .split('\n')
      .map((line): Record<string, unknown> => JSON.parse(line) as never)
    assert.equal(entries.length, 2)
    assert.deepEqual(
      { ...entries[0], time: '' },
      { level: 'info', time: '', method: 'm', conversationId: 'c', msg: 'one' },
    )
    assert.ok(!Number.isNaN(Date.parse(String(entries[0]?.['time']))))
  })

  it('tells the code, reason and causes of an error', () => {
    const cause = new Error('connection refused')
    const err = new HoldfastError('UNAVAILABLE', 'The database is away', { reason: 'DATABASE_AWAY', cause })
    const entry = JSON.parse(written({}, (logger) => logger.warn({ err }, 'failed'))) as {
      err: Record<string, unknown>
    }
    assert.equal(entry.err['code'], 'UNAVAILABLE')
    assert.equal(entry.err['reason'], 'DATABASE_AWAY')
    assert.match(JSON.stringify(entry.err['cause']), /connection refused/)
  })

  it('never shows a secret, neither under its key nor within another text', () => {
    const secrets = ['sk-"quoted"', 'pass-word']
    const text = written({ secrets }, (logger) => {
      logger.info(
        { apiKey: 'unknown-to-it', model: { apiKey: 'nested' }, headers: { authorization: 'Bearer abc' } },
        'a',
      )
      logger.error({ err: new Error('could not reach postgres://ada:pass-word@db with sk-"quoted"') }, 'pass-word')
    })
    for (const secret of ['unknown-to-it', 'nested', 'Bearer abc', 'pass-word', 'quoted']) {
      assert.ok(!text.includes(secret), `${secret} in ${text}`)
    }
    for (const line of text.trimEnd().split('\n')) JSON.parse(line)
  })

  it('is readable in a terminal, and nothing in it steers the terminal', () => {
    const text = written({ format: 'text' }, (logger) => {
      logger.warn({ conversationId: 'c\u001b[2J', err: new Error('boom') }, 'it is late\u001b]0;x')
    })
    // oxlint-disable-next-line no-control-regex
    const shown = text.replace(/\u001b\[\d+m/g, '')
    assert.match(shown, /^\d\d:\d\d:\d\d WARN {2}it is late/)
    assert.match(shown, /conversationId=c/)
    assert.match(shown, /Error: boom\n {8}at /)
    assert.ok(!shown.includes('\u001b'))
  })
})
