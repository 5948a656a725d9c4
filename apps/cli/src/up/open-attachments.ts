import { type AttachmentOptions, mediaOverGrpc } from '@holdfast/chat-with-sessions'
import { type Clients, createClients } from '@holdfast/grpc-clients'
import { openLineage } from '@holdfast/jobs'
import type { DocumentStore } from '@holdfast/persistence'
import type { Config } from '@holdfast/server'

export interface OpenedAttachments extends Disposable {
  readonly options: AttachmentOptions
  /** Where the services listen, unless the configuration says it; until it is said, calls wait. */
  readonly connect: (address: string) => void
}

/** What pictures show and recordings say in conversations, by the services that this process serves, or those of another server. */
export function openAttachments(store: DocumentStore, { chat: { mediaAddress } }: Config): OpenedAttachments {
  let resolve: (address: string) => void = () => {}
  const address = new Promise<string>((done) => {
    resolve = done
  })
  if (mediaAddress !== undefined) resolve(mediaAddress)
  let clients: Promise<Clients> | undefined
  const opened = (): Promise<Clients> => {
    clients ??= address.then((one) => createClients({ address: one }))
    return clients
  }
  return {
    options: { services: mediaOverGrpc(opened), blobs: store.blobs, lineage: openLineage(store) },
    connect: resolve,
    [Symbol.dispose]() {
      void clients?.then((one) => one.close())
    },
  }
}
