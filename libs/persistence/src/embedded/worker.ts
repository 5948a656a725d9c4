import { PGlite } from '@electric-sql/pglite'
import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads'
import type { ThreadData, ThreadMessage } from './database-thread.js'
import { DurableFolder } from './durable-folder.js'
import { databaseFolder, finishInitialisation } from './folder.js'
import { unpackTemplate } from './template.js'

/** The thread that PGlite runs in: it takes protocol messages (one statement each, Sync included) and gives back what the
 *  server says to each, in order. It knows nothing of their meaning, so that no value is copied more than once. */
const { folder, isNew, compiled } = workerData as ThreadData

/** What the server wrote on its standard error; its last words say why it does not start. */
const log: string[] = []

void start()

async function start(): Promise<void> {
  let database: PGlite
  const files = new DurableFolder(databaseFolder(folder))
  try {
    if (isNew) unpackTemplate(databaseFolder(folder))
    database = await PGlite.create({
      fs: files,
      pgliteWasmModule: compiled,
      startParams: startParameters(),
      onStderr: (line) => {
        if (log.push(line) > 50) log.shift()
        return false
      },
    })
    files.syncLog()
    if (isNew) await finishInitialisation(folder)
  } catch (error) {
    fail(error)
    return
  }
  log.length = 0
  parentPort?.on('message', (message: Request) => {
    try {
      answerAll(database, files, message)
    } catch (error) {
      fail(error)
    }
  })
  send({ kind: 'ready' })
}

type Request = Uint8Array | 'close'

/** Runs what has come in and makes it durable at once. Limited in time, so that the first does not wait for long. */
function answerAll(database: PGlite, files: DurableFolder, first: Request): void {
  const answers: Uint8Array<ArrayBuffer>[] = []
  const until = performance.now() + batchMs
  let request: Request | undefined = first
  for (; request !== undefined && request !== 'close'; request = nextRequest()) {
    answers.push(answer(database, request))
    if (performance.now() > until) break
  }
  files.syncLog()
  send(
    { kind: 'answers', answers },
    answers.map(({ buffer }) => buffer),
  )
  if (request === 'close') void close(database, files)
}

const batchMs = 2

function nextRequest(): Request | undefined {
  return parentPort === null ? undefined : receiveMessageOnPort(parentPort)?.message
}

function startParameters(): string[] {
  const settings = ['wal_sync_method=fsync', 'timezone=UTC', 'datestyle=ISO, MDY', 'bytea_output=hex']
  return [
    ...PGlite.defaultStartParams.filter((param) => param !== '-F'),
    ...settings.flatMap((setting) => ['-c', setting]),
  ]
}

function answer(database: PGlite, message: Uint8Array): Uint8Array<ArrayBuffer> {
  const chunks: Uint8Array[] = []
  // The answer is complete when this returns; the promise only tells of a failure.
  database
    .execProtocolRawStream(message, { syncToFs: false, onRawData: (bytes) => chunks.push(bytes.slice()) })
    .catch(fail)
  return joined(chunks)
}

function joined(chunks: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(chunks.reduce((sum, chunk) => sum + chunk.length, 0))
  let at = 0
  for (const chunk of chunks) {
    bytes.set(chunk, at)
    at += chunk.length
  }
  return bytes
}

async function close(database: PGlite, files: DurableFolder): Promise<void> {
  await database.close()
  files.syncLog()
  parentPort?.close()
}

/** As an Error: what a thread throws may be anything, also something that cannot be sent. */
function fail(error: unknown): void {
  send({ kind: 'failed', error: error instanceof Error ? error : new Error(String(error)), log })
}

function send(message: ThreadMessage, transfer: ArrayBuffer[] = []): void {
  parentPort?.postMessage(message, transfer)
}
