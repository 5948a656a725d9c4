import { redisScript, type RedisConnection } from '../cache/redis-connection.js'
import { TickBatch } from '../cache/tick-batch.js'
import { leaseMs, maxAgeMs } from '../cache/session-cache.js'
import { deletedEntry, entryLayout, type HistoryEntry, messageLine, padded, parseEntry } from './history-entry.js'
import type { StoredMessage } from './history.js'

export type HistoryAnswer = HistoryEntry | { readonly kind: 'leased' } | { readonly kind: 'miss' }

const { firstAt, lastAt, digits } = entryLayout

/** What is there is an entry (history-entry.ts), a lease `L|TOKEN`, or `D`. None of them makes an entry
 *  but the fill of a lease that is there still, and the deletion, which is final. See docs/decisions/0023-cached-histories.md. */
const scripts = {
  /** TOKEN TAKE-OVER MILLISECONDS */
  lease: redisScript(`
    local current = redis.call('GET', KEYS[1])
    if current and string.sub(current, 1, 2) ~= 'L|' then return current end
    if current and ARGV[2] == '0' then return 'L|' end
    redis.call('SET', KEYS[1], 'L|' .. ARGV[1], 'PX', ARGV[3])
    return ''`),
  /** TOKEN TEXT MILLISECONDS. One that is refused forgets what is there: nobody knows which is newer. */
  fill: redisScript(`
    local kind = redis.call('GETRANGE', KEYS[1], 0, ${'L|'.length + 40})
    if kind == 'L|' .. ARGV[1] then redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3]) return 1 end
    if kind ~= '${deletedEntry}' then redis.call('DEL', KEYS[1]) end
    return 0`),
  /** MAX-MESSAGES MAX-BYTES, then for each key a word of BEFORE LAST OLDEST, all padded, and LINES. Only what follows on the last message that is held (BEFORE)
   *  can be appended; after a gap the entry goes. One that begins before OLDEST is shortened. Its age goes on. Numbers of one width compare as
   *  text, and commands get text: Lua's numbers would be printed and read again for each of them. */
  extend: redisScript(`
    local call, sub = redis.call, string.sub
    local function shorten(key, newLast, length)
      local most, mostBytes = tonumber(ARGV[1]), tonumber(ARGV[2])
      local text = call('GET', key)
      local count = tonumber(newLast) - tonumber(sub(text, ${firstAt + 1}, ${firstAt + digits})) + 1
      local start = string.find(text, '\\n', 1, true)
      local cut = start
      while cut and (count > most or length - (cut - start) > mostBytes / 2) do
        cut = string.find(text, '\\n', cut + 1, true)
        count = count - 1
      end
      local first = string.format('%0${digits}d', tonumber(newLast) - count + 1)
      local metadata = sub(text, ${firstAt + digits + 1}, start - 1)
      call('SET', key, 'H|P|' .. first .. metadata .. (cut and sub(text, cut) or ''), 'KEEPTTL')
    end
    local function extend(key, word)
      local head = call('GETRANGE', key, '0', '${lastAt + digits - 1}')
      local kind = sub(head, 1, 1)
      if kind ~= 'H' then
        if kind == 'L' then call('DEL', key) end
        return
      end
      local last = sub(head, ${lastAt + 1}, ${lastAt + digits})
      local before, newLast = sub(word, 1, ${digits}), sub(word, ${digits + 1}, ${2 * digits})
      if last ~= before then
        if last < newLast then call('DEL', key) end
        return
      end
      call('SETRANGE', key, '${lastAt}', newLast)
      local length = call('APPEND', key, sub(word, ${3 * digits + 1}))
      if sub(head, ${firstAt + 1}, ${firstAt + digits}) < sub(word, ${2 * digits + 1}, ${3 * digits}) or length > tonumber(ARGV[2]) then shorten(key, newLast, length) end
    end
    for i, key in ipairs(KEYS) do extend(key, ARGV[i + 2]) end
    return 1`),
} as const

interface Extension {
  readonly name: string
  readonly word: string
}

/** The cached histories of one tenant, below epochs: each operation names the epoch that it belongs to. A rejected promise means that nobody
 *  knows whether it was carried out, or ever will be. */
export class HistoryCache {
  readonly #connection: RedisConnection
  readonly #prefix: string
  readonly #extensions: TickBatch<Extension, undefined>
  readonly maxMessages: number
  readonly maxBytes: number

  constructor(
    connection: RedisConnection,
    prefix: string,
    limits: { readonly messages: number; readonly bytes: number },
  ) {
    this.#connection = connection
    this.#prefix = prefix
    this.#extensions = new TickBatch((extensions) => this.#extend(extensions))
    this.maxMessages = limits.messages
    this.maxBytes = limits.bytes
  }

  get isReachable(): boolean {
    return this.#connection.serverId() !== undefined
  }

  async get(epoch: number, id: string): Promise<HistoryAnswer> {
    const name = this.#name(epoch, id)
    return answerOf(await this.#connection.send(name, ['GET', name], true))
  }

  async lease(epoch: number, id: string, token: string, takeOver: boolean): Promise<HistoryAnswer> {
    const words = [token, takeOver ? '1' : '0', String(leaseMs)]
    return answerOf(await this.#connection.run(scripts.lease, [this.#name(epoch, id)], words))
  }

  async fill(epoch: number, id: string, token: string, text: string): Promise<boolean> {
    const words = [token, text, String(maxAgeMs)]
    return (await this.#connection.run(scripts.fill, [this.#name(epoch, id)], words)) === 1
  }

  /** @param messages in the order of their places, without gaps */
  async extend(epoch: number, id: string, messages: readonly [StoredMessage, ...StoredMessage[]]): Promise<void> {
    const [first] = messages
    const last = messages.at(-1) ?? first
    const oldest = Math.max(0, last.seq - 2 * this.maxMessages + 1)
    const lines = messages.length === 1 ? messageLine(first) : messages.map(messageLine).join('')
    const word = `${padded(first.seq - 1)}${padded(last.seq)}${padded(oldest)}${lines}`
    await this.#extensions.ask({ name: this.#name(epoch, id), word })
  }

  /** On one server those of the same moment are one command; in a cluster each has its own. */
  async #extend(extensions: readonly Extension[]): Promise<undefined[]> {
    const batches = this.#connection.kind === 'redis' ? [extensions] : extensions.map((one) => [one])
    const limits = [String(this.maxMessages), String(this.maxBytes)]
    await Promise.all(
      batches.map((some) =>
        this.#connection.run(
          scripts.extend,
          some.map(({ name }) => name),
          [...limits, ...some.map(({ word }) => word)],
        ),
      ),
    )
    return extensions.map(() => undefined)
  }

  /** Ends a lease, removes an entry. */
  async forget(epoch: number, id: string): Promise<void> {
    const name = this.#name(epoch, id)
    await this.#connection.send(name, ['DEL', name])
  }

  /** Says that the conversation was deleted. No later state can follow. */
  async bury(epoch: number, id: string): Promise<void> {
    const name = this.#name(epoch, id)
    await this.#connection.send(name, ['SET', name, deletedEntry, 'PX', String(maxAgeMs)])
  }

  #name(epoch: number, id: string): string {
    return `${this.#prefix}:${epoch}:${id}`
  }
}

function answerOf(value: unknown): HistoryAnswer {
  if (typeof value !== 'string' || value === '') return { kind: 'miss' }
  return value.startsWith('L|') ? { kind: 'leased' } : parseEntry(value)
}
