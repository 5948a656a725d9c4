import { type Clients, type ClientsOptions, createClients } from '@holdfast/grpc-clients'
import type { OwnTokens } from '@holdfast/server'

/** Clients of the services that this process serves, or those of another server of the installation, for what one service asks of another on behalf of
 *  a tenant. */
export class OwnClients implements Disposable {
  readonly #tokens: OwnTokens | undefined
  readonly #connected: Promise<void>
  #connect: () => void = () => {}
  #clients: Clients | undefined
  readonly #ofTenants = new Map<string, Clients>()

  /** @param tokens `undefined`: the server has no authentication */
  constructor(tokens: OwnTokens | undefined) {
    this.#tokens = tokens
    this.#connected = new Promise((resolve) => {
      this.#connect = resolve
    })
  }

  /** Where the services listen; until it is said, calls wait. */
  connect(options: ClientsOptions): void {
    this.#clients = createClients(options)
    this.#connect()
  }

  async of(tenant: string): Promise<Clients> {
    await this.#connected
    return this.connected(tenant)
  }

  /** The same, once it is connected. */
  connected(tenant: string): Clients {
    const clients = this.#clients
    if (clients === undefined) throw new Error('The services are not served yet')
    const tokens = this.#tokens
    if (tokens === undefined) return clients
    const made = this.#ofTenants.get(tenant) ?? clients.withToken(() => tokens.token(tenant))
    this.#ofTenants.set(tenant, made)
    return made
  }

  [Symbol.dispose](): void {
    this.#clients?.close()
  }
}
