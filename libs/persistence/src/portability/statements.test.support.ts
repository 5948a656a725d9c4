import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { flat, type ListedStatement, listFile, patternOf } from './listed-statements.test.support.js'
import { bare, brokenRules, keyWithoutTenant, portabilityRules } from './rules.test.support.js'

/** Statements that are known to break a rule, by what they are about, and what becomes of it on the servers that the rule is about. */
const exceptions: readonly { readonly rule: string; readonly about: RegExp; readonly instead: string }[] = [
  {
    rule: 'sequence',
    about: /holdfast\."f_/,
    instead:
      'feeds only: positions are drawn under a row lock, so their order is that of the commits; gaps do not matter',
  },
  {
    rule: 'volatile function in an update',
    about: /holdfast\."[sf]_/,
    instead: 'logs and feeds: their tables stay on the coordinator of Citus',
  },
  {
    rule: 'recursive query across shards',
    about: /holdfast\."s_/,
    instead: 'branches of logs: their tables stay on the coordinator of Citus',
  },
  {
    rule: 'rows locked across shards',
    about: /holdfast\.(?:feeds|blobs|blob_uploads|tenant_keys)\b|holdfast\."[fs]_/,
    instead: 'one row of one tenant, in tables that stay on the coordinator of Citus',
  },
  {
    rule: 'rows locked across shards',
    about: /\bfor update skip locked\b/,
    instead:
      'claims fall back to compare-and-set where the server refuses; the sweeper and erasure work on the coordinator of Citus only',
  },
  {
    rule: 'json path',
    about: /holdfast\."c_/,
    instead:
      'indexes with `array` or `where`, and filters that they serve: not to be declared where the server has no JSON paths',
  },
  {
    rule: 'stored generated column',
    about: /\balter table holdfast\."c_/,
    instead: '`columns` only; left out on YugabyteDB, where their fields are read from the data',
  },
  { rule: 'full text', about: /to_tsvector/, instead: 'text indexes and `$text` only' },
  {
    rule: 'several columns under GIN',
    about: /\busing gin\b/,
    instead: 'indexes with `array` or `text`: not to be declared on YugabyteDB',
  },
  {
    rule: 'storage of a column',
    about: /\bblob_chunks\b/,
    instead: 'sent to PostgreSQL only (`tuning` of a migration)',
  },
  {
    rule: 'server statistics',
    about: /\bpg_index\b/,
    instead: '`store.indexes.report()`, and indexes declared of a collection that has documents',
  },
  { rule: 'listen', about: /pg_notify/, instead: 'a hint, left out where the server refuses it: tails and feeds poll' },
]

/** What the conformance suite does not send and breaks a rule: the rule, the file in which it stands, and why it may. */
const unsent: ReadonlyMap<string, string> = new Map([
  ['listen: postgres/listener.ts', 'a hint: a listener that cannot be had is done without'],
  ['recursive query across shards: sql/log-statements.ts', 'a part of the keyed append, which is sent'],
  ['rows locked across shards: sql/upkeep.ts', 'the beginning of the statements of the sweeper, which are sent'],
  ['server statistics: embedded/upkeep.ts', 'sent to the embedded database alone'],
  ['server statistics: replicas/replica-set.ts', 'sent where `replicaUrls` are given, which other servers refuse'],
  ['volatile function in an update: sql/indexes/builder.ts', 'a row of holdfast.locks, on the coordinator of Citus'],
])

/** What statements.sql has, with the file in which each stands. */
async function listed(): Promise<ListedStatement[]> {
  const sections = (await readFile(listFile, 'utf8')).split(/^-- /m).slice(1)
  return sections.flatMap((section) => {
    const [file = '', ...lines] = section.split('\n')
    return lines.filter((line) => line !== '').map((line) => ({ file, text: line.replace(/;$/, '') }))
  })
}

/** Looks at every statement that the conformance suite has sent: run it after that. */
export function describePortability(statements: ReadonlyMap<string, string>): void {
  describe('every statement that was sent', () => {
    it('is taken by CockroachDB, YugabyteDB and Citus, or is a known exception', () => {
      assert.ok(statements.size > 100, `only ${statements.size} statements were recorded`)
      const broken = new Map<string, string>()
      const needed = new Set<(typeof exceptions)[number]>()
      for (const [text, operation] of statements) {
        for (const { name } of brokenRules(text)) {
          const excuse = exceptions.find(({ rule, about }) => rule === name && about.test(bare(text)))
          if (excuse === undefined) broken.set(`${name}: ${operation}`, text.slice(0, 300))
          else needed.add(excuse)
        }
      }
      assert.deepEqual(
        [...broken].map(([name, text]) => `${name}: ${text}`),
        [],
      )
      assert.deepEqual(
        exceptions.filter((one) => !needed.has(one)),
        [],
        'no exception stands that nothing needs',
      )
    })

    it('is one of those that the list has', async () => {
      const patterns = (await listed()).map(patternOf)
      // The bootstrap is several.
      const sent = [...statements.keys()].flatMap((text) => text.split(/;\s*$|;\s*(?=create|insert)/)).map(flat)
      const unlisted = sent.filter((text) => text !== '' && !patterns.some((pattern) => pattern.test(text)))
      assert.deepEqual(
        unlisted.map((text) => text.slice(0, 300)),
        [],
      )
    })

    it('has the tenant in every unique key of a table with tenants', () => {
      assert.deepEqual(
        [...statements.keys()].filter((text) => keyWithoutTenant(text)),
        [],
      )
    })

    it('of the list that was not sent keeps the rules, or is a known exception', async () => {
      const sent = [...statements.keys()].map(flat)
      const broken = (await listed())
        .filter((one) => !sent.some((text) => patternOf(one).test(text)))
        .flatMap(({ file, text }) => brokenRules(text).map(({ name }) => `${name}: ${file}`))
      assert.deepEqual([...new Set(broken)].sort(), [...unsent.keys()].sort())
    })

    it('is held against the rules that the guide shows', async () => {
      const guide = await readFile(join(import.meta.dirname, '../../../../docs/guides/distributed.md'), 'utf8')
      for (const { name, servers } of portabilityRules) {
        const row = guide.split('\n').find((line) => line.startsWith(`| ${name} `))
        assert.ok(row !== undefined && servers.every((server) => row.includes(server)), `no row for ${name}`)
      }
      for (const { instead } of exceptions) assert.ok(guide.includes(instead), `the guide does not say: ${instead}`)
    })
  })
}

/** For the guide. */
export function rulesAsTable(): string {
  const rows = portabilityRules.map(({ name, servers, source }) => {
    const excused = exceptions.filter(({ rule }) => rule === name).map(({ instead }) => instead)
    return `| ${name} | ${servers.join(', ')} | ${excused.length === 0 ? 'not used' : excused.join('; ')} | [source](${source}) |`
  })
  return ['| what | not taken by | here | |', '| --- | --- | --- | --- |', ...rows].join('\n')
}
