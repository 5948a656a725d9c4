import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { rounded } from '../rounds.js'
import type { Report } from './report.js'

/** Resident memory of a process that has opened a store on PostgreSQL and used it, beyond that of Node itself. */
export async function idleMemory(url: string, report: Report): Promise<void> {
  const idle =
    'setTimeout(() => process.stdout.write(String(process.memoryUsage.rss()) + "\\n", () => process.exit()), 1500)'
  const bare = await residentBytes(idle, {})
  const using = await residentBytes(
    `import { openDocumentStore } from ${JSON.stringify(import.meta.resolve('@holdfast/persistence'))}
     const store = await openDocumentStore(process.env.BENCH_URL)
     const documents = store.collection('idle')
     await Promise.all(Array.from({ length: 100 }, (_, n) => documents.put('doc-' + n, { n })))
     for await (const document of documents.find({ n: { $gte: 0 } })) if (document.data.n < 0) throw new Error('impossible')
     await store.log('idle').append('stream', [{ data: 1 }])
     ${idle}`,
    { BENCH_URL: url },
  )
  report.metric('idle_rss_mb', rounded((using - bare) / 1024 / 1024, 1))
}

async function residentBytes(script: string, environment: NodeJS.ProcessEnv): Promise<number> {
  const child = spawn(process.execPath, ['--input-type=module', '--eval', script], {
    env: { ...process.env, ...environment },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let printed = ''
  child.stdout.on('data', (chunk: Buffer) => (printed += chunk.toString()))
  await once(child, 'close')
  const bytes = Number(printed)
  if (!Number.isSafeInteger(bytes) || bytes === 0)
    throw new Error(`The idle process printed ${JSON.stringify(printed)}`)
  return bytes
}
