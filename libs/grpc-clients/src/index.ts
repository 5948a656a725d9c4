export { type Clients, createClients } from './clients.js'
export type { CallOptions, ClientsOptions, TlsOptions } from './options.js'
export type { ChatClient } from './chat-client.js'
export type { AddressHealth } from './health.js'
