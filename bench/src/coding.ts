import { randomBytes, randomUUID } from 'node:crypto'
import { openDocumentStore, type Collection, type StandardSchema } from '@holdfast/persistence'
import { startPostgres } from '@holdfast/test-servers'
import pg from 'pg'
import type { BenchOptions, BenchReport } from './benchmark.js'
import { compare, rounded } from './rounds.js'

interface Message {
  readonly author: string
  readonly text: string
}

const words = 'what is put in comes back as it was '
const message = (n: number): Message => ({ author: `user${n % 1_000}`, text: words.repeat(12) })
const documents = 5_000
const callers = 64

/** What `schema`, `upcast` and `encrypt` cost against a plain collection or log: `NAME_vs_plain` is the rate with over the rate without,
 *  of 64 callers with messages of about 450 bytes. */
export async function run({ long, report }: BenchOptions): Promise<BenchReport> {
  const options = { rounds: long ? 11 : 5, ms: long ? 800 : 400 }
  await using server = await startPostgres({ settings: { shared_buffers: '512MB' } })
  const url = await server.createDatabase()
  const encryption = { keys: [{ id: 'bench', secret: randomBytes(32) }], blobs: true }
  await using store = await openDocumentStore(url, { encryption })
  await using plainBlobs = await openDocumentStore(url)
  const collections = {
    plain: store.collection<Message>('coding-plain'),
    schema: store.collection<Message>('coding-schema', { schema }),
    upcast: store.collection<Message>('coding-upcast', { upcast: { 1: (data) => data } }),
    encrypt: store.collection<Message>('coding-encrypt', { encrypt: true }),
    search: store.collection<Message>('coding-search', {
      encrypt: { search: ['author'] },
      indexes: [{ on: 'author' }],
    }),
  }
  const indexed = store.collection<Message>('coding-indexed', { indexes: [{ on: 'author' }] })
  for (const of of [...Object.values(collections), indexed]) {
    await of.insertMany(Array.from({ length: documents }, (_, n) => ({ id: `d${n}`, data: message(n) })))
  }
  const metrics: Record<string, number> = {}
  const pool = new pg.Pool({ connectionString: url, max: 1 })
  try {
    const bytesOf = async (table: string) => {
      const { rows } = await pool.query<{ size: number }>(
        `select avg(pg_column_size(data))::float8 size from holdfast."${table}"`,
      )
      return rows[0]?.size ?? Number.NaN
    }
    metrics['stored_bytes_plain'] = Math.round(await bytesOf('c_coding-plain'))
    metrics['stored_bytes_encrypted'] = Math.round(await bytesOf('c_coding-encrypt'))
  } finally {
    await pool.end()
  }
  const anyId = () => `d${Math.floor(Math.random() * documents)}`
  const put = (of: Collection<Message>) => () => of.put(anyId(), message(7))
  const get = (of: Collection<Message>) => () => of.get(anyId())
  const update = (of: Collection<Message>) => () => of.updateOne(anyId(), { $set: { text: randomUUID() } })
  const find = (of: Collection<Message>) => () =>
    of.find({ author: `user${Math.floor(Math.random() * 1_000)}` }).toArray()
  const note = async (
    name: string,
    subject: () => Promise<unknown>,
    baseline: () => Promise<unknown>,
    concurrency = callers,
  ) => {
    const { ratio, subjectPerSecond, baselinePerSecond } = await compare(subject, baseline, { ...options, concurrency })
    metrics[`${name}_vs_plain`] = rounded(ratio)
    report(
      `${name}: ${Math.round(subjectPerSecond)}/s, plain ${Math.round(baselinePerSecond)}/s, ratio ${rounded(ratio)}`,
    )
  }
  for (const name of ['schema', 'upcast', 'encrypt', 'search'] as const) {
    await note(`put_${name}`, put(collections[name]), put(collections.plain))
    await note(`get_${name}`, get(collections[name]), get(collections.plain))
    await note(`update_${name}`, update(collections[name]), update(collections.plain))
  }
  await note('find_search', find(collections.search), find(indexed))
  const append = (encrypt: boolean) => {
    const log = store.log<Message>(encrypt ? 'coding-encrypt' : 'coding-plain', { encrypt })
    return () => log.append(`s${Math.floor(Math.random() * 200)}`, [{ data: message(3) }])
  }
  await note('append_encrypt', append(true), append(false))
  const content = randomBytes(4 * 1024 * 1024)
  const encrypted = await store.blobs.put(content)
  const plain = await plainBlobs.tenant('plain').blobs.put(content)
  await note(
    'blob_read_encrypt',
    () => store.blobs.bytes(encrypted.hash),
    () => plainBlobs.tenant('plain').blobs.bytes(plain.hash),
    2,
  )
  return {
    metrics,
    notes: [`PostgreSQL, default durability, ${callers} callers, ${documents} documents of about 450 bytes`],
  }
}

/** By hand, so that what is measured is not a schema library. */
const schema: StandardSchema<Message> = {
  '~standard': {
    version: 1,
    vendor: 'bench',
    validate: (value) => {
      const { author, text } = value as Partial<Message>
      if (typeof author === 'string' && typeof text === 'string') return { value: { author, text } }
      return { issues: [{ message: 'must be a message' }] }
    },
  },
}
