import type { DocumentStore } from '@holdfast/persistence'
import { compareWithPeer, installPeers, Peer, versionOf } from '../peer.js'
import { anySeededId, payload, type Payload, seededDocuments } from './payload.js'
import type { Report } from './report.js'

/** Against Pongo (documents) and Mastra (messages), each in a process of its own on the newest Node that it asks for, on the same
 *  server, in alternation with ours. */
export async function againstPeers(
  store: DocumentStore,
  url: string,
  connections: number,
  report: Report,
): Promise<void> {
  await installPeers(report)
  const documents = store.collection<Payload>('bench')
  const log = store.log<Payload>('bench')
  let n = 0
  const settings = { url, connections, documents: seededDocuments, callers: 16, payload: payload(0) }
  {
    await using pongo = await Peer.start('pongo.mjs', settings)
    report.note(`Pongo ${await versionOf('@event-driven-io/pongo')}: put is replaceOne of a document that is there`)
    await compareWithPeer(
      report,
      'put_c64_vs_pongo',
      64,
      () => documents.put(anySeededId(), payload((n += 1))),
      pongo,
      'put',
    )
    await compareWithPeer(report, 'get_c64_vs_pongo', 64, () => documents.get(anySeededId()), pongo, 'get')
  }
  await using mastra = await Peer.start('mastra.mjs', settings)
  report.note(`@mastra/pg ${await versionOf('@mastra/pg')}: saveMessages of one message, a thread for each caller`)
  const append = (worker: number) => log.append(`mastra-${worker}`, [{ key: `m${(n += 1)}`, data: payload(n) }])
  await compareWithPeer(report, 'append_c16_vs_mastra', 16, append, mastra, 'append')
}
