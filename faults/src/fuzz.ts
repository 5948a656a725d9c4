import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { connect as connectHttp2, type ClientHttp2Session } from 'node:http2'
import { connect } from 'node:net'
import { createClients } from '@holdfast/grpc-clients'
import * as protocol from '@holdfast/protocol'
import { HoldfastProcess, startPostgres } from '@holdfast/test-servers'
import { leakedHandles, openHandles } from './fuzz/handles.js'
import { hostileJson } from './fuzz/hostile-json.js'
import type { CampaignOptions, CampaignReport } from './main.js'
import { randomFrom } from './random.js'

const inputs = { quick: 5_000, usual: 20_000, long: 100_000 } as const
/** What a server may have more of after the campaign than after its first tenth. */
const growthBytes = 128 * 1024 * 1024
const parallel = 16
const answerMs = 10_000
const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')

/** Codes that a caller's own fault may have. INTERNAL and UNKNOWN are not among them: they are the server's. */
const typed = new Set([0, 1, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 14, 16])

type Random = () => number

interface Totals {
  frames: number
  messages: number
  json: number
  untyped: number
  unanswered: number
}

/** Sends what no client would: bytes and broken frames in place of HTTP/2, random and mutated bytes in place of messages, and hostile JSON where the contract
 *  has JSON in texts. The server must go on answering, give each call an error of the caller's own fault or an answer, and not grow: what it stores is in a
 *  PostgreSQL. */
export async function run(options: CampaignOptions): Promise<CampaignReport> {
  const random = randomFrom(options.seed)
  const count = inputs[options.length]
  await using postgres = await startPostgres()
  const database = await postgres.createDatabase()
  await using server = await HoldfastProcess.start(['--database', database], { HOLDFAST_LOG_LEVEL: 'fatal' })
  const [host = '', port = ''] = server.address.split(':')
  const totals: Totals = { frames: 0, messages: 0, json: 0, untyped: 0, unanswered: 0 }
  const methods = unaryMethods()
  const withJson = methods.filter(({ hasJson }) => hasJson)
  let firstBytes = 0
  await isWell(server.address)
  const handlesBefore = await openHandles(server.pid)
  let sick = 0
  for (let done = 0; done < count;) {
    const batch = Math.min(count - done, 500)
    const session = connectHttp2(`http://${server.address}`)
    session.on('error', () => {})
    await inParallel(batch, async (index) => {
      if ((done + index) % 10 === 0) {
        totals.frames += 1
        await sendFrames(host, Number(port), random)
      } else {
        const isJson = random() < 0.25
        totals[isJson ? 'json' : 'messages'] += 1
        const method = oneOf(isJson ? withJson : methods, random)
        const status = await (isJson ? sendJson : sendMessage)(session, method, random)
        if (status === undefined) totals.unanswered += 1
        else if (!typed.has(status)) {
          totals.untyped += 1
          options.report(`${method.path} answered with status ${status}`)
        }
      }
    })
    session.destroy()
    done += batch
    if (!(await isWell(server.address))) sick += 1
    const bytes = await residentBytes(server.pid)
    if (firstBytes === 0 && done >= count / 10) firstBytes = bytes
    if (done % 5000 === 0) options.report(`${done} of ${count}: ${JSON.stringify(totals)}, ${mebibytes(bytes)} MiB`)
  }
  const leaked = await leakedHandles(server.pid, handlesBefore, Number(new URL(database).port))
  for (const handle of leaked) options.report(`still open: ${handle}`)
  const grown = (await residentBytes(server.pid)) - firstBytes
  const figures = {
    inputs: count,
    ...totals,
    sick,
    leaked_handles: leaked.length,
    grown_mib: mebibytes(grown),
    grown_too_much: grown > growthBytes ? 1 : 0,
  }
  return { figures, mustBeZero: ['untyped', 'unanswered', 'sick', 'leaked_handles', 'grown_too_much'] }
}

interface FuzzedMethod {
  readonly path: string
  /** A request that the contract allows, to begin from. */
  readonly valid: Buffer
  readonly hasJson: boolean
  /** A request whose texts that are to be JSON are `text()`. */
  readonly withJson: (text: () => string) => Buffer
}

/** Of all services, those with one request. */
function unaryMethods(): FuzzedMethod[] {
  const services = Object.entries(protocol).filter(([name]) => name.endsWith('ServiceService'))
  return services.flatMap(([, service]) =>
    Object.values(service as unknown as Record<string, WireMethod>)
      .filter(({ requestStream }) => !requestStream)
      .map((method) => ({
        path: method.path,
        valid: filledRequest(method, () => '{"a":[1,{"b":null}],"c":1e400}'),
        hasJson: Object.keys(method.requestDeserialize(Buffer.alloc(0))).some(isJson),
        withJson: (text: () => string) => filledRequest(method, text),
      })),
  )
}

interface WireMethod {
  readonly path: string
  readonly requestStream: boolean
  readonly requestSerialize: (value: unknown) => Buffer
  readonly requestDeserialize: (bytes: Buffer) => Record<string, unknown>
}

function isJson(field: string): boolean {
  return field.endsWith('Json')
}

/** All texts filled, those that hold JSON with what `json` says. */
function filledRequest({ requestSerialize, requestDeserialize }: WireMethod, json: () => string): Buffer {
  const request = requestDeserialize(Buffer.alloc(0))
  for (const [name, value] of Object.entries(request)) {
    if (typeof value === 'string') request[name] = isJson(name) ? json() : 'fuzz'
    if (typeof value === 'number') request[name] = 7
    if (value instanceof Uint8Array) request[name] = Buffer.from('fuzz')
  }
  return Buffer.from(requestSerialize(request))
}

/** A message that is one, about a JSON text that is hostile. */
function sendJson(session: ClientHttp2Session, method: FuzzedMethod, random: Random): Promise<number | undefined> {
  const message = method.withJson(() => hostileJson(random))
  const header = Buffer.alloc(5)
  header.writeUInt32BE(message.length, 1)
  return call(session, method.path, Buffer.concat([header, message]))
}

function sendMessage(
  session: ClientHttp2Session,
  { path, valid }: FuzzedMethod,
  random: Random,
): Promise<number | undefined> {
  const message = random() < 0.3 ? noise(random, 200) : mutated(valid, random)
  const header = Buffer.alloc(5)
  // Sometimes it says that it is compressed, or longer or shorter than it is.
  header[0] = random() < 0.05 ? 1 : 0
  const lies = random() < 0.05
  header.writeUInt32BE(lies ? Math.floor(random() * 2 ** 32) : message.length, 1)
  const anyPath = random() < 0.02 ? `/${noise(random, 20).toString('base64url')}` : path
  return call(session, anyPath, Buffer.concat([header, message]))
}

/** @returns its gRPC status, or `undefined` if there was none in time */
async function call(session: ClientHttp2Session, path: string, body: Buffer): Promise<number | undefined> {
  if (session.destroyed) return 14
  const stream = session.request({
    ':method': 'POST',
    ':path': path,
    'content-type': 'application/grpc',
    te: 'trailers',
    'grpc-timeout': '3S',
  })
  return new Promise((resolve) => {
    let status: number | undefined
    const timer = setTimeout(() => stream.close(), answerMs)
    const read = (headers: Readonly<Record<string, unknown>>): void => {
      if (headers['grpc-status'] !== undefined) status = Number(headers['grpc-status'])
      // Not gRPC at all: an HTTP status is an answer as well.
      else if (Number(headers[':status']) >= 400) status = 3
    }
    stream
      .on('response', read)
      .on('trailers', read)
      .on('error', () => {})
    stream.on('close', () => {
      clearTimeout(timer)
      // A stream that is reset for what is no message has no trailers.
      resolve(status ?? (stream.rstCode === 0 ? undefined : 1))
    })
    stream.resume()
    stream.end(body)
  })
}

/** Frames that are none, after the preface or in its place; then the client is gone. */
async function sendFrames(host: string, port: number, random: Random): Promise<void> {
  const socket = connect(port, host)
  socket.on('error', () => {}).resume()
  if (random() < 0.8) socket.write(preface)
  const frames = 1 + Math.floor(random() * 20)
  for (let n = 0; n < frames; n += 1) socket.write(frame(random))
  const closed = once(socket, 'close')
  // Some leave with what is due to them under way, some wait for what the server says.
  const timer = setTimeout(() => socket.destroy(), random() < 0.5 ? 20 : 200)
  await closed.catch(() => {})
  clearTimeout(timer)
}

function frame(random: Random): Buffer {
  const payload = noise(random, 100)
  const header = Buffer.alloc(9)
  header.writeUIntBE(random() < 0.9 ? payload.length : Math.floor(random() * 2 ** 24), 0, 3)
  header[3] = Math.floor(random() * 12)
  header[4] = Math.floor(random() * 256)
  header.writeUInt32BE(Math.floor(random() * 20), 5)
  return Buffer.concat([header, payload])
}

function noise(random: Random, most: number): Buffer {
  return Buffer.from(Array.from({ length: Math.floor(random() * most) }, () => Math.floor(random() * 256)))
}

function mutated(bytes: Buffer, random: Random): Buffer {
  const copy = Buffer.concat([bytes, noise(random, random() < 0.2 ? 20 : 1)])
  const changes = Math.floor(random() * 5)
  for (let n = 0; n < changes && copy.length > 0; n += 1) {
    copy[Math.floor(random() * copy.length)] = Math.floor(random() * 256)
  }
  return random() < 0.2 ? copy.subarray(0, Math.floor(random() * copy.length)) : copy
}

async function isWell(address: string): Promise<boolean> {
  await using clients = createClients({ address, deadlineMs: 10_000 })
  const { conversation } = await clients.chat.createConversation({}).catch(() => ({ conversation: undefined }))
  return conversation !== undefined
}

async function residentBytes(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '')
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) * 1024
}

function oneOf<T>(list: readonly T[], random: Random): T {
  return list[Math.floor(random() * list.length)] as T
}

function mebibytes(bytes: number): number {
  return Math.round(bytes / 1024 / 1024)
}

/** `work` for 0 to `count - 1`, so many at once. */
async function inParallel(count: number, work: (index: number) => Promise<void>): Promise<void> {
  let next = 0
  const worker = async (): Promise<void> => {
    while (next < count) await work(next++)
  }
  await Promise.all(Array.from({ length: parallel }, worker))
}
