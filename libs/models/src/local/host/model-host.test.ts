import { HoldfastError } from '@holdfast/errors'
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { describe, it } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'
import { type ModelHost, type ModelHostOptions, openModelHost } from './model-host.js'
import type { TestRequest, TestResult, TestSettings } from './process-for-tests.js'

const script = new URL('process-for-tests.js', import.meta.url)

type TestHost = ModelHost<TestRequest, TestResult, number>

function open(settings: TestSettings = {}, options: Partial<ModelHostOptions> = {}): TestHost {
  return openModelHost({ script, name: 'test', settings, ...options })
}

function failsWith(expected: Partial<Record<keyof HoldfastError, unknown>>): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof HoldfastError, String(error))
    for (const [key, value] of Object.entries(expected)) {
      assert.deepEqual(error[key as keyof HoldfastError], value, `${key} of ${error.message}`)
    }
    return true
  }
}

const cancelled = failsWith({ code: 'CANCELLED' })

describe('a model host', () => {
  it('loads the model on the first call and keeps it', async () => {
    await using host = open({ loadMs: 50 })
    assert.deepEqual(host.state(), { status: 'unloaded', queued: 0, running: false })
    const first = host.call({ do: 'say' })
    assert.equal(host.state().status, 'loading')
    const before = await first
    assert.equal(host.state().status, 'ready')
    assert.equal(await host.call({ do: 'say' }), before)
  })

  it('runs calls one at a time in their order', async () => {
    await using host = open()
    const ended: number[] = []
    const note = (n: number) => () => ended.push(n)
    await Promise.all([
      host.call({ do: 'compute', ms: 60, polite: true }).then(note(1)),
      host.call({ do: 'compute', ms: 20, polite: true }).then(note(2)),
      host.call({ do: 'say' }).then(note(3)),
    ])
    assert.deepEqual(ended, [1, 2, 3])
  })

  it('takes no more calls than its queue holds', async () => {
    await using host = open({}, { maxQueued: 2 })
    await host.call({ do: 'say' })
    const taken = [1, 2, 3].map(() => host.call({ do: 'compute', ms: 30, polite: true }))
    assert.deepEqual(host.state(), { status: 'ready', queued: 2, running: true })
    await assert.rejects(
      host.call({ do: 'say' }),
      failsWith({ code: 'RESOURCE_EXHAUSTED', reason: 'MODEL_BUSY', retryAfterMs: 1_000 }),
    )
    await Promise.all(taken)
    await host.call({ do: 'say' })
  })

  it('leaves the event loop of its caller free while the model computes', async () => {
    await using host = open()
    await host.call({ do: 'say' })
    const delays = monitorEventLoopDelay({ resolution: 5 })
    delays.enable()
    await host.call({ do: 'compute', ms: 600, polite: false })
    delays.disable()
    assert.ok(delays.percentile(99) / 1e6 < 50, `${delays.percentile(99) / 1e6} ms`)
  })

  it('delivers events in order before the result', async () => {
    await using host = open()
    const events: number[] = []
    await host.call({ do: 'say', events: 5 }, { onEvent: (n) => events.push(n) })
    assert.deepEqual(events, [1, 2, 3, 4, 5])
  })

  it('copies typed arrays there and back', async () => {
    await using host = open()
    assert.deepEqual(await host.call({ do: 'double', samples: new Float32Array([1, 2]) }), new Float32Array([2, 4]))
  })

  it('keeps keys and addresses from the process of the model', async () => {
    const names = ['HOLDFAST_MODEL_API_KEY', 'HOLDFAST_DATABASE_URL', 'PGPASSWORD', 'SOME_TOKEN']
    for (const name of names) process.env[name] = 'secret'
    try {
      await using host = open()
      assert.equal(await host.call({ do: 'count-variables', names: [...names, 'PATH'] }), 1)
    } finally {
      for (const name of names) delete process.env[name]
    }
  })

  it('passes on the errors of the model with their fields, and others as INTERNAL', async () => {
    await using host = open()
    await assert.rejects(
      host.call({ do: 'refuse' }),
      failsWith({
        code: 'INVALID_ARGUMENT',
        message: 'voice is not one',
        reason: 'NO_VOICE',
        fields: [{ field: 'voice', description: 'is not one' }],
        retryAfterMs: 7,
      }),
    )
    await assert.rejects(
      host.call({ do: 'break' }),
      failsWith({ code: 'INTERNAL', message: 'A call of the model test failed: x is not a function' }),
    )
    assert.equal(host.state().status, 'ready')
  })

  it('refuses what cannot be copied and goes on', async () => {
    await using host = open()
    const bad = { do: 'say', events: () => 1 } as unknown as TestRequest
    await assert.rejects(host.call(bad), failsWith({ code: 'INTERNAL' }))
    await host.call({ do: 'say' })
  })

  it('names the command for a package that is missing, and tries again with the next call', async () => {
    await using host = open({ missing: true })
    const missing = failsWith({
      code: 'FAILED_PRECONDITION',
      reason: 'MODEL_NOT_INSTALLED',
      message: 'The model test is not installed: run npm install no-such-package@1.0.0',
    })
    await Promise.all([1, 2].map(() => assert.rejects(host.call({ do: 'say' }), missing)))
    assert.equal(host.state().status, 'failed')
    assert.equal(host.state().error?.reason, 'MODEL_NOT_INSTALLED')
    await assert.rejects(host.call({ do: 'say' }), missing)
  })
})

describe('cancelling a call of a model host', () => {
  it('takes it out of the queue', async () => {
    await using host = open()
    await host.call({ do: 'say' })
    const running = host.call({ do: 'compute', ms: 100, polite: false })
    const controller = new AbortController()
    const waiting = host.call({ do: 'compute', ms: 60_000, polite: false }, { signal: controller.signal })
    controller.abort()
    await assert.rejects(waiting, cancelled)
    assert.equal(host.state().running, true)
    await running
  })

  it('does not begin one whose signal is aborted', async () => {
    await using host = open()
    await assert.rejects(host.call({ do: 'say' }, { signal: AbortSignal.abort() }), cancelled)
    assert.equal(host.state().status, 'unloaded')
  })

  it('while the model loads, keeps the model for the next call', async () => {
    await using host = open({ loadMs: 100 })
    await assert.rejects(host.call({ do: 'say' }, { signal: AbortSignal.timeout(20) }), cancelled)
    await host.call({ do: 'say' })
  })

  it('stops a model that looks, within milliseconds, and keeps it loaded', async () => {
    await using host = open()
    const before = await host.call({ do: 'say' })
    const took: number[] = []
    for (let round = 0; round < 20; round += 1) {
      const controller = new AbortController()
      const call = host.call({ do: 'compute', ms: 60_000, polite: true }, { signal: controller.signal })
      await delay(5)
      const at = performance.now()
      controller.abort()
      await assert.rejects(call, cancelled)
      took.push(performance.now() - at)
    }
    took.sort((a, b) => a - b)
    assert.ok((took[18] ?? 0) < 200, `p95 ${took[18]} ms`)
    assert.equal(await host.call({ do: 'say' }), before)
  })

  it('kills the process of a model that does not look, and the next call has a new one', async () => {
    await using host = open()
    const before = await host.call({ do: 'say' })
    const controller = new AbortController()
    const call = host.call({ do: 'compute', ms: 60_000, polite: false }, { signal: controller.signal })
    await delay(10)
    const at = performance.now()
    controller.abort()
    const next = host.call({ do: 'say' })
    await assert.rejects(call, cancelled)
    assert.ok(performance.now() - at < 1_000)
    assert.notEqual(await next, before)
    assert.ok(!isAlive(before as number))
  })
})

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

describe('the process of a model host', () => {
  for (const death of ['exit', 'throw-later', 'abort'] as const) {
    it(`fails the call under which it dies (${death}) and is replaced for those that wait`, async () => {
      await using host = open()
      const before = await host.call({ do: 'say' })
      const dying = host.call({ do: death })
      const waiting = host.call({ do: 'say' })
      await assert.rejects(dying, failsWith({ code: 'UNAVAILABLE', reason: 'MODEL_CRASHED' }))
      assert.notEqual(await waiting, before)
    })
  }

  it('fails all that wait when it dies before the model is loaded', async () => {
    await using host = open({ diesLoading: true })
    const died = failsWith({ code: 'UNAVAILABLE', reason: 'MODEL_CRASHED' })
    await Promise.all([1, 2, 3].map(() => assert.rejects(host.call({ do: 'say' }), died)))
    assert.equal(host.state().status, 'failed')
  })

  it('ends when nobody called for a while, and begins anew', async () => {
    await using host = open({}, { idleMs: 40 })
    const before = await host.call({ do: 'say' })
    for (const end = Date.now() + 5_000; host.state().status !== 'unloaded'; await delay(10))
      assert.ok(Date.now() < end)
    assert.notEqual(await host.call({ do: 'say' }), before)
  })

  it('is not ended as idle under a long call', async () => {
    await using host = open({}, { idleMs: 40 })
    const before = await host.call({ do: 'say' })
    assert.equal(await host.call({ do: 'compute', ms: 200, polite: false }), before)
  })

  it('fails what runs and what waits when the host is closed, and takes no more', async () => {
    const host = open()
    await host.call({ do: 'say' })
    const calls = [1, 2].map(() => host.call({ do: 'compute', ms: 60_000, polite: false }))
    const settled = Promise.allSettled(calls)
    await host.close()
    await host.close()
    for (const one of await settled) assert.equal(one.status === 'rejected' && one.reason.code, 'CANCELLED')
    await assert.rejects(host.call({ do: 'say' }), failsWith({ code: 'FAILED_PRECONDITION' }))
  })

  it('does not keep a program alive that has no call, and does while one runs', async () => {
    const { stdout } = await runProgram(`
      await host.call({ do: 'say' })
      host.call({ do: 'compute', ms: 200, polite: false }).then(() => console.log('done'))`)
    assert.equal(stdout, 'done\n')
  })

  it('ends with a program that exits or is killed while the model computes', async () => {
    for (const end of ['process.exit()', 'process.kill(process.pid, "SIGKILL")']) {
      const { stdout } = await runProgram(`
        console.log(await host.call({ do: 'say' }))
        host.call({ do: 'compute', ms: 60_000, polite: true }).catch(() => {})
        setTimeout(() => { ${end} }, 50)`)
      for (const until = Date.now() + 5_000; isAlive(Number(stdout)); await delay(10)) assert.ok(Date.now() < until)
    }
  })
})

/** @param code with `host` */
async function runProgram(code: string): Promise<{ stdout: string }> {
  const program = `
    import { openModelHost } from ${JSON.stringify(new URL('model-host.js', import.meta.url).href)}
    const host = openModelHost({ script: new URL(${JSON.stringify(script.href)}), name: 'test', settings: {} })
    ${code}`
  try {
    return await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', program], { timeout: 20_000 })
  } catch (error) {
    // Killed by itself.
    return error as { stdout: string }
  }
}
