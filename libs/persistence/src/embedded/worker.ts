import { PGlite } from '@electric-sql/pglite'
import { parentPort, workerData } from 'node:worker_threads'
import { DurableFolder } from './durable-folder.js'

/** The thread that PGlite runs in: it takes protocol messages (one statement each, Sync included) and gives back what the
 *  server says to each, in order. It knows nothing of their meaning, so that no value is copied more than once. */
const port = parentPort
if (port === null) throw new Error('This file is the thread of an embedded database and not a program')

const { folder } = workerData as { readonly folder: string }
const database = await PGlite.create({
  fs: new DurableFolder(folder),
  startParams: [
    ...PGlite.defaultStartParams.filter((param) => param !== '-F'),
    ...['wal_sync_method=fsync', 'timezone=UTC', 'datestyle=ISO, MDY', 'bytea_output=hex'].flatMap((setting) => [
      '-c',
      setting,
    ]),
  ],
})

port.on('message', (message: Uint8Array | 'close') => {
  if (message === 'close') void close()
  else answer(message)
})
port.postMessage('ready')

function answer(message: Uint8Array): void {
  const chunks: Uint8Array[] = []
  let failure: unknown
  // Synchronous until the server has said all, although it gives a promise.
  database
    .execProtocolRawStream(message, { syncToFs: false, onRawData: (bytes) => chunks.push(bytes.slice()) })
    .catch((error: unknown) => {
      failure = error
    })
    .then(() => {
      if (failure !== undefined) throw failure
      const bytes = joined(chunks)
      port?.postMessage(bytes, [bytes.buffer])
    })
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

async function close(): Promise<void> {
  await database.close()
  port?.postMessage('closed')
  port?.close()
}
