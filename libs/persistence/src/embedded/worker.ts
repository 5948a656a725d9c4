import { PGlite } from '@electric-sql/pglite'
import { parentPort, workerData } from 'node:worker_threads'
import type { ThreadMessage, ThreadSettings } from './database-thread.js'
import { DurableFolder } from './durable-folder.js'
import { databaseFolder, finishInitialisation } from './folder.js'
import { unpackTemplate } from './template.js'

/** The thread that PGlite runs in: it takes protocol messages (one statement each, Sync included) and gives back what the
 *  server says to each, in order. It knows nothing of their meaning, so that no value is copied more than once. */
const { folder, isNew } = workerData as ThreadSettings

/** What the server wrote on its standard error; its last words say why it does not start. */
const log: string[] = []

void start()

async function start(): Promise<void> {
  let database: PGlite
  try {
    if (isNew) unpackTemplate(databaseFolder(folder))
    database = await PGlite.create({
      fs: new DurableFolder(databaseFolder(folder)),
      startParams: startParameters(),
      onStderr: (line) => {
        if (log.push(line) > 50) log.shift()
        return false
      },
    })
    if (isNew) await finishInitialisation(folder)
  } catch (error) {
    // As text: what a thread throws at start may be anything, also something that cannot be sent.
    send({ kind: 'failed', error: error instanceof Error ? error : new Error(String(error)), log })
    return
  }
  log.length = 0
  parentPort?.on('message', (message: Uint8Array | 'close') => {
    if (message === 'close') void close(database)
    else answer(database, message)
  })
  send({ kind: 'ready' })
}

function startParameters(): string[] {
  const settings = ['wal_sync_method=fsync', 'timezone=UTC', 'datestyle=ISO, MDY', 'bytea_output=hex']
  return [
    ...PGlite.defaultStartParams.filter((param) => param !== '-F'),
    ...settings.flatMap((setting) => ['-c', setting]),
  ]
}

function answer(database: PGlite, message: Uint8Array): void {
  const chunks: Uint8Array[] = []
  // The answer is complete when this returns; the promise only tells of a failure.
  database
    .execProtocolRawStream(message, { syncToFs: false, onRawData: (bytes) => chunks.push(bytes.slice()) })
    .catch((error: unknown) =>
      send({ kind: 'failed', error: error instanceof Error ? error : new Error(String(error)), log }),
    )
  const bytes = joined(chunks)
  send({ kind: 'answer', bytes }, [bytes.buffer])
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

async function close(database: PGlite): Promise<void> {
  await database.close()
  parentPort?.close()
}

function send(message: ThreadMessage, transfer: ArrayBuffer[] = []): void {
  parentPort?.postMessage(message, transfer)
}
