import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { observed, rateOf } from './changes.js'
import { frameOf } from './frame.js'
import { parsePrometheusText } from './prometheus-text.js'
import { sampleOf } from './sample.js'

describe('text of Prometheus', () => {
  it('is read with its labels and values', () => {
    const text = [
      '# HELP a Text with {braces} 1',
      '# TYPE a counter',
      'a{x="1",y="say \\"no\\", \\\\ or\\nso"} 2.5e3',
      'a 1 1700000000000',
      'b{le="+Inf"} +Inf',
      'c Nan',
      '',
    ].join('\n')
    const found = parsePrometheusText(text)
    assert.deepEqual(found.get('a'), [
      { labels: { x: '1', y: 'say "no", \\ or\nso' }, value: 2500 },
      { labels: {}, value: 1 },
    ])
    assert.equal(found.get('b')?.[0]?.value, Number.POSITIVE_INFINITY)
    assert.ok(Number.isNaN(found.get('c')?.[0]?.value))
    assert.throws(() => parsePrometheusText('<html>'), { code: 'INVALID_ARGUMENT' })
  })
})

const histogram = (name: string, labels: string, counts: readonly [number, number, number]): string =>
  [
    `${name}_bucket{${labels},le="0.1"} ${counts[0]}`,
    `${name}_bucket{${labels},le="1"} ${counts[1]}`,
    `${name}_bucket{${labels},le="+Inf"} ${counts[2]}`,
    `${name}_count{${labels}} ${counts[2]}`,
  ].join('\n')

const calls = 'rpc_server_call_duration_seconds'
const ok = 'rpc_method="a.v1.S/M",rpc_response_status_code="OK"'
const bad = 'rpc_method="a.v1.S/M",rpc_response_status_code="INTERNAL"'

describe('what changed between two scrapes', () => {
  const before = parsePrometheusText(`${histogram(calls, ok, [10, 10, 10])}\n`)
  const after = parsePrometheusText(`${histogram(calls, ok, [60, 109, 110])}\n${histogram(calls, bad, [4, 4, 4])}\n`)
  const interval = { seconds: 2, processes: [{ before, after }] }

  it('is a rate and quantiles, as Prometheus computes them', () => {
    const { perSecond, p50Ms, p99Ms } = observed(interval, calls, (labels) => labels['rpc_method'] === 'a.v1.S/M')
    assert.equal(perSecond, 52)
    // Of 104 calls 54 took at most 0.1 s.
    assert.ok(p50Ms !== undefined && Math.abs(p50Ms - (52 / 54) * 100) < 1e-9)
    assert.ok(p99Ms !== undefined && p99Ms > 990 && p99Ms <= 1000)
  })

  it('counts from 0 what was not there, and what began anew with its process', () => {
    const onlyBad = (labels: Readonly<Record<string, string>>): boolean =>
      labels['rpc_response_status_code'] === 'INTERNAL'
    assert.equal(rateOf(interval, `${calls}_count`, onlyBad), 2)
    const restarted = { seconds: 1, processes: [{ before: after, after: before }] }
    assert.equal(rateOf(restarted, `${calls}_count`), 10)
  })

  it('has no quantile when nothing happened', () => {
    const idle = observed({ seconds: 1, processes: [{ before: after, after }] }, calls)
    assert.deepEqual(idle, { perSecond: 0, p50Ms: undefined, p99Ms: undefined })
  })

  it('is shown for all processes together, with those that are away', () => {
    const more =
      '\nholdfast_jobs_open{kind="a",state="queued"} 3\nholdfast_jobs_open{kind="b",state="queued"} 4\nholdfast_jobs_open{kind="b",state="running"} 9\nholdfast_jobs_workers 2\nrpc_server_calls_in_progress 1\n'
    const cache = (hits: number): string =>
      `holdfast_cache_requests_total{holdfast_cache_name="c",holdfast_cache_result="hit"} ${hits}\n` +
      `holdfast_cache_requests_total{holdfast_cache_name="c",holdfast_cache_result="miss"} 1\n`
    const from = parsePrometheusText(`${histogram(calls, ok, [10, 10, 10])}${more}${cache(1)}`)
    const to = parsePrometheusText(`${histogram(calls, ok, [20, 20, 20])}${more}${cache(5)}`)
    const sample = sampleOf(
      [
        { address: 'a:1', before: from, after: to },
        { address: 'b:1', before: from, after: to },
        { address: 'c:1', before: from, after: undefined },
      ],
      2,
      new Date(0),
    )
    assert.equal(sample.calls.perSecond, 10)
    assert.equal(sample.calls.inProgress, 2)
    // The store is one: all of its processes tell the same of it.
    assert.deepEqual([sample.jobs.queued, sample.jobs.workers], [7, 4])
    assert.equal(sample.caches[0]?.hitRatio, 1)
    const lines = frameOf(sample).split('\n')
    assert.equal(lines[0], 'holdfast top  00:00:00 UTC  2 of 3 processes  over 2.0 s')
    assert.match(lines.find((one) => one.startsWith('S/M')) ?? '', /^S\/M +10 +0 +50 +99$/)
    assert.ok(lines.some((one) => /^c +4\.00 +100\.0 % +0$/.test(one)))
    assert.ok(lines.some((one) => /^c:1 +away$/.test(one)))
  })
})
