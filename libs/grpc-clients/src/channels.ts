import {
  type ChannelOptions,
  Client,
  type ClientOptions,
  connectivityState as state,
  credentials,
  type ChannelCredentials,
} from '@grpc/grpc-js'
import { HoldfastError, invalidField } from '@holdfast/errors'
import { Throttle } from './throttle.js'
import type { ClientsOptions, TlsOptions, TokenSource } from './options.js'

/** One address and the channel to it. */
export interface Link {
  readonly address: string
  readonly client: Client
  readonly throttle: Throttle
}

/** One channel for each address, taken in turn. grpc-js's own round robin takes several IP addresses under one name; a channel
 *  each also takes host names, verifies each certificate by its own host's name, and tells which address failed. */
export class Channels {
  readonly links: readonly Link[]
  #turn = 0

  constructor(options: ClientsOptions) {
    const addresses = addressesOf(options.address)
    refuseInPlainText(addresses, options.token, options.tls)
    this.links = addresses.map((address) => ({
      address,
      client: new Client(address, credentialsOf(options.tls), channelOptions(address, options)),
      throttle: new Throttle(),
    }))
  }

  /** The next address whose connection stands; while none does, the first that comes up. `avoid` is taken last. When all
   *  fail, one of them at once, for its error. */
  async next(deadline: number, avoid?: Link): Promise<Link> {
    for (;;) {
      const states = this.links.map((link) => ({ link, state: stateOf(link) }))
      const ready = states.filter((each) => each.state === state.READY)
      const others = ready.filter((each) => each.link !== avoid)
      const found = this.#inTurn(others.length > 0 ? others : ready)
      if (found !== undefined) return found.link
      const coming = states.filter((each) => each.state !== state.TRANSIENT_FAILURE)
      const only = this.#inTurn(states)
      if (only === undefined)
        throw new HoldfastError('INTERNAL', 'The client has no address left: report this as a bug')
      if (states.length === 1 || coming.length === 0 || Date.now() >= deadline) return only.link
      await firstChange(
        coming.map((each) => ({ channel: each.link.client.getChannel(), from: each.state })),
        deadline,
      )
    }
  }

  /** @throws INVALID_ARGUMENT */
  refuseInPlainText(token: TokenSource | undefined, tls: ClientsOptions['tls']): void {
    refuseInPlainText(
      this.links.map(({ address }) => address),
      token,
      tls,
    )
  }

  close(): void {
    for (const link of this.links) link.client.close()
  }

  #inTurn<T>(candidates: readonly T[]): T | undefined {
    this.#turn = (this.#turn + 1) % Number.MAX_SAFE_INTEGER
    return candidates[this.#turn % candidates.length]
  }
}

/** Connects as well: a channel that is only looked at stays idle. */
function stateOf(link: Link): state {
  const now = link.client.getChannel().getConnectivityState(true)
  if (now === state.SHUTDOWN) {
    throw new HoldfastError('CANCELLED', 'The client was closed: create a new one', { reason: 'CLIENT_CLOSED' })
  }
  return now
}

/** Returns when one of the channels has another state, or at the deadline. */
async function firstChange(
  channels: readonly { readonly channel: ReturnType<Client['getChannel']>; readonly from: state }[],
  deadline: number,
): Promise<void> {
  await Promise.race(
    channels.map(
      ({ channel, from }) =>
        // The error only says that the deadline passed; the caller looks at the states anyway.
        new Promise<void>((resolve) => channel.watchConnectivityState(from, deadline, () => resolve())),
    ),
  )
}

function addressesOf(address: string | readonly string[]): readonly string[] {
  const list = (typeof address === 'string' ? address.split(',') : address).map((each) => each.trim())
  if (list.length === 0 || list.includes('')) throw invalidField('address', 'must be host:port, at least one')
  const url = list.find((each) => /^https?:/i.test(each))
  if (url !== undefined) throw invalidField('address', `must be host:port, not a URL as ${url}`)
  return [...new Set(list)]
}

function refuseInPlainText(
  addresses: readonly string[],
  token: TokenSource | undefined,
  tls: ClientsOptions['tls'],
): void {
  if (token === undefined || (tls ?? false) !== false) return
  const exposed = addresses.find((address) => !isLoopback(address))
  if (exposed !== undefined) throw invalidField('token', `would travel to ${exposed} in plain text: set tls`)
}

function isLoopback(address: string): boolean {
  return /^(unix:|(dns:\/*|ipv4:)?(localhost|127(\.\d+){3})(:\d+)?$|(ipv6:)?(\[::1\](:\d+)?|::1)$)/i.test(address)
}

function credentialsOf(tls: boolean | TlsOptions | undefined): ChannelCredentials {
  if (tls === undefined || tls === false) return credentials.createInsecure()
  const { ca, certificate, key } = tls === true ? {} : tls
  return credentials.createSsl(bytesOf(ca), bytesOf(key), bytesOf(certificate))
}

function bytesOf(pem: Buffer | string | undefined): Buffer | null {
  return pem === undefined ? null : Buffer.from(pem)
}

function channelOptions(address: string, options: ClientsOptions): ClientOptions {
  const tls = typeof options.tls === 'object' ? options.tls : {}
  const channel: ChannelOptions = {
    // Several records behind one host name are replicas too.
    'grpc.service_config': JSON.stringify({ loadBalancingConfig: [{ round_robin: {} }] }),
    'grpc.service_config_disable_resolution': 1,
    'grpc.keepalive_time_ms': options.keepAliveMs ?? 20_000,
    'grpc.keepalive_timeout_ms': 10_000,
    // A server that restarts is back within a second or so; gRPC's own 1 s, 1.6 s, … would miss it for long.
    'grpc.initial_reconnect_backoff_ms': 100,
    'grpc.max_reconnect_backoff_ms': 1_000,
    'grpc.max_send_message_length': -1,
    'grpc.max_receive_message_length': options.maxResponseBytes ?? 20 * 1024 * 1024,
    // What may come before it has been read: with the standard's 64 KiB a sound or a picture of a megabyte takes 16 round trips.
    'grpc-node.flow_control_window': 1024 * 1024,
    // Connections belong to one client and end with it.
    'grpc.use_local_subchannel_pool': 1,
  }
  // `http_proxy` in the environment is not meant for this machine.
  if (isLoopback(address)) channel['grpc.enable_http_proxy'] = 0
  if (tls.serverName !== undefined) {
    channel['grpc.ssl_target_name_override'] = tls.serverName
    channel['grpc.default_authority'] = tls.serverName
  }
  return channel
}
