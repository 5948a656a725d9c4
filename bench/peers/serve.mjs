// A peer in a process of its own: it answers { set: … } once, then { operation, concurrency, ms } with { count, seconds }.
import { once } from 'node:events'

export async function serve(open) {
  const [settings] = await once(process, 'message')
  const peer = await open(settings)
  process.on('message', (request) => void answer(peer, request))
  process.send('ready')
}

async function answer(peer, request) {
  if (request === 'close') {
    await peer.close()
    process.disconnect()
    return
  }
  try {
    process.send(await run(peer.operations[request.operation], request))
  } catch (error) {
    process.send({ error: String(error?.stack ?? error) })
  }
}

async function run(operation, { concurrency, ms }) {
  const start = performance.now()
  const end = start + ms
  let count = 0
  await Promise.all(
    Array.from({ length: concurrency }, async (_, caller) => {
      while (performance.now() < end) {
        await operation(caller)
        count += 1
      }
    }),
  )
  return { count, seconds: (performance.now() - start) / 1000 }
}
