import { z } from 'zod'
import { type Config, servedServices } from './config-type.js'
import {
  accepted,
  address,
  databaseUrl,
  fraction,
  httpUrl,
  listOfServices,
  listOfTexts,
  longestMs,
  namedAddresses,
  namedNumbers,
  namedRates,
  price,
  rate,
  redisUrl,
  redisUrls,
  text,
  wholeNumber,
  yesOrNo,
} from './config-values.js'

/** What the schema says of a setting beyond its values. */
export interface SettingNotes {
  readonly description: string
  /** `value`: never printed. `url`: its password is never printed. */
  readonly secret?: 'value' | 'url'
  /** Name of the environment variable; default: HOLDFAST_ and the path. */
  readonly variable?: string
  /** Name of the flag; default: the path. */
  readonly flag?: string
}

const setting = <T extends z.ZodType>(schema: T, notes: SettingNotes): T => schema.meta({ ...notes })

const milliseconds = (standard: number, description: string): z.ZodDefault<z.ZodType<number>> =>
  setting(wholeNumber(1, longestMs).default(standard), { description: `${description}, in milliseconds` })

function serviceModel(what: string, local: string) {
  return {
    provider: setting(z.enum(['local', 'openai']).optional(), {
      description: `who ${what}: local or openai (default: openai if there is a base URL, else local)`,
    }),
    name: setting(text.optional(), { description: `the model that ${what}; local ones: ${local}` }),
    baseUrl: setting(httpUrl.optional(), {
      description: 'its OpenAI-compatible endpoint (default with openai: that of the chat model, with its key)',
      secret: 'url',
    }),
    apiKey: setting(text.optional(), { description: 'sent to that endpoint as a bearer token', secret: 'value' }),
    version: setting(text.optional(), {
      description: 'another one whenever its answers may be others: results are cached by it',
    }),
    price: setting(price.optional(), { description: 'what it costs, as USD audioMs=0.0000001 (default: not said)' }),
  }
}

/** The one source of truth: keys, values, defaults, names. */
export const configSchema: z.ZodType<Config> & { readonly shape: z.ZodRawShape } = z.strictObject({
  databaseUrl: setting(databaseUrl.optional(), {
    description: 'postgres://…, embedded:FOLDER or memory: (default: embedded in the data folder)',
    secret: 'url',
    flag: '--database',
  }),
  rowSecurity: setting(yesOrNo.optional(), {
    description: 'true: put policies of row-level security in place on the PostgreSQL server (default: as they stand)',
  }),
  dataFolder: setting(text.default('.holdfast'), {
    description: 'where the embedded store lives',
    variable: 'HOLDFAST_DATA',
    flag: '--data',
  }),
  modelsFolder: setting(text.optional(), {
    description: 'where models live that `holdfast models install` brings (default: .holdfast-models)',
  }),
  redisUrl: setting(redisUrl.optional(), {
    description:
      'redis://…, where conversations are cached (default: no cache); the same for all processes on one database',
    secret: 'url',
    flag: '--redis',
  }),
  redisClusterUrls: setting(redisUrls.optional(), {
    description: 'some nodes of a Redis Cluster in place of one server, with commas between them',
    secret: 'value',
    flag: '--redis-cluster',
  }),
  listen: setting(address.default('127.0.0.1:9095'), { description: 'where gRPC listens; port 0: a free one' }),
  services: z
    .strictObject({
      serve: setting(listOfServices.optional(), {
        description: `what this process serves, some of ${servedServices.join(', ')} (default: everything)`,
        variable: 'HOLDFAST_SERVICES',
        flag: '--services',
      }),
      address: setting(text.optional(), {
        description: 'where this process calls services: HOST:PORT or SERVICE=HOST:PORT, with commas (default: itself)',
      }),
    })
    .prefault({}),
  metrics: z
    .strictObject({
      enabled: setting(yesOrNo.default(true), { description: 'whether Prometheus metrics are served' }),
      listen: setting(address.default('127.0.0.1:9464'), { description: 'where Prometheus metrics are served' }),
      token: setting(text.optional(), {
        description: 'what has to be sent as a bearer token to read metrics (default: nothing)',
        secret: 'value',
      }),
    })
    .prefault({}),
  auth: z
    .strictObject({
      accept: setting(accepted.default(['none']), {
        description:
          'credentials that are taken: keys, jwt or both with a comma; none: for development, everybody on this machine',
        variable: 'HOLDFAST_AUTH',
        flag: '--auth',
      }),
      serviceKey: setting(text.min(32, 'must have at least 32 characters').optional(), {
        description: 'what services sign their calls to one another with; the same for all processes that do',
        secret: 'value',
      }),
      jwt: z
        .strictObject({
          jwksUrl: setting(httpUrl.optional(), {
            description: 'where the issuer of tokens publishes its keys',
            secret: 'url',
          }),
          issuer: setting(text.optional(), { description: 'who has to have issued a token (iss)' }),
          audience: setting(text.optional(), { description: 'whom a token has to be for (aud)' }),
          algorithms: setting(listOfTexts.default(['RS256', 'ES256', 'EdDSA']), {
            description: 'signatures that are taken; never none, never HS*',
          }),
          tenantClaim: setting(text.default('tenant'), { description: 'the claim that names the tenant' }),
          roleClaim: setting(text.default('role'), { description: 'the claim that names the role' }),
          clockToleranceMs: setting(wholeNumber(0, 600_000).default(30_000), {
            description: 'how far the issuer’s clock may differ, in milliseconds',
          }),
        })
        .prefault({}),
    })
    .prefault({}),
  tls: z
    .strictObject({
      certificate: setting(text.optional(), { description: 'PEM file of the server’s certificate chain' }),
      key: setting(text.optional(), { description: 'PEM file of its private key' }),
      clientCa: setting(text.optional(), {
        description: 'PEM file of the roots that clients’ certificates have to come from (default: they need none)',
      }),
    })
    .prefault({}),
  client: z
    .strictObject({
      token: setting(text.optional(), {
        description: 'what commands present to a running server: an API key or a token',
        variable: 'HOLDFAST_TOKEN',
        flag: '--token',
        secret: 'value',
      }),
      tls: setting(yesOrNo.default(false), {
        description: 'whether commands call a running server over TLS (true where there is client.tlsCa)',
        variable: 'HOLDFAST_TLS',
        flag: '--tls',
      }),
      tlsCa: setting(text.optional(), {
        description: 'PEM file of the roots that commands trust (default: the system’s)',
        variable: 'HOLDFAST_TLS_CA',
        flag: '--tls-ca',
      }),
      tlsCertificate: setting(text.optional(), {
        description: 'PEM file of the commands’ own certificate',
        variable: 'HOLDFAST_CLIENT_CERTIFICATE',
        flag: '--client-certificate',
      }),
      tlsKey: setting(text.optional(), {
        description: 'PEM file of its private key',
        variable: 'HOLDFAST_CLIENT_KEY',
        flag: '--client-key',
      }),
      tlsServerName: setting(text.optional(), {
        description: 'the name that the server’s certificate has to have (default: the host)',
        variable: 'HOLDFAST_TLS_SERVER_NAME',
        flag: '--tls-server-name',
      }),
    })
    .prefault({}),
  audit: z
    .strictObject({
      enabled: setting(yesOrNo.default(true), {
        description: 'whether calls of admins, erasures and denied calls are kept in the audit log',
      }),
      key: setting(text.optional(), {
        description: 'makes HMACs of the audit log’s hashes; the same for all processes',
        secret: 'value',
      }),
    })
    .prefault({}),
  log: z
    .strictObject({
      level: setting(z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']).default('info'), {
        description: 'the least level that is written',
      }),
      format: setting(z.enum(['auto', 'json', 'text']).default('auto'), {
        description: 'auto: text in a terminal, else json',
      }),
    })
    .prefault({}),
  traces: z
    .strictObject({
      endpoint: setting(httpUrl.optional(), {
        description:
          'where traces go: a receiver of OTLP over HTTP, as http://127.0.0.1:4318 (default: OTEL_EXPORTER_OTLP_ENDPOINT, else none are made)',
        secret: 'url',
        variable: 'HOLDFAST_TRACES',
      }),
      ratio: setting(fraction.default(1), {
        description: 'of the calls that belong to no trace yet, how many begin one, from 0 to 1',
      }),
    })
    .prefault({}),
  model: z
    .strictObject({
      baseUrl: setting(httpUrl.optional(), {
        description: 'OpenAI-compatible endpoint, up to and including /v1 (default: none, replies come from recall)',
        secret: 'url',
      }),
      apiKey: setting(text.optional(), {
        description: 'sent to the model endpoint as a bearer token',
        secret: 'value',
      }),
      name: setting(text.optional(), { description: 'the model that answers unless a request names another' }),
      connectTimeoutMs: milliseconds(10_000, 'until the connection to the model stands'),
      firstTokenTimeoutMs: milliseconds(120_000, 'from the request to the first token'),
      idleTimeoutMs: milliseconds(60_000, 'between two pieces of an answer'),
      totalTimeoutMs: milliseconds(600_000, 'for the whole answer'),
      maxRetries: setting(wholeNumber(0, 10).default(2), {
        description: 'how often a request that failed before its first token is sent again',
      }),
    })
    .prefault({}),
  models: z
    .strictObject({
      transcription: z.strictObject(serviceModel('hears', 'moonshine-base, moonshine-tiny')).prefault({}),
      speech: z.strictObject(serviceModel('speaks', 'flite, kokoro')).prefault({}),
      vision: z
        .strictObject({
          ...serviceModel('sees', 'local-vision'),
          canDetect: setting(yesOrNo.default(false), {
            description: 'whether a model of an endpoint is asked where things are',
          }),
        })
        .prefault({}),
      image: z.strictObject(serviceModel('paints', 'procedural')).prefault({}),
      embedding: z
        .strictObject({
          ...serviceModel('embeds texts', 'energetic-ai-embeddings-en'),
          dimensions: setting(wholeNumber(1, 65_536).optional(), {
            description: 'numbers in each vector of a model of an endpoint (default: what is known of OpenAI’s own)',
          }),
        })
        .prefault({}),
    })
    .prefault({}),
  jobs: z
    .strictObject({
      workers: setting(wholeNumber(0, 1000).default(2), {
        description: 'jobs that are done at once in this process; 0: it takes them in, and others do the work',
      }),
      maxQueued: setting(wholeNumber(1, 10_000_000).default(10_000), { description: 'jobs that may wait' }),
      retainDays: setting(wholeNumber(1, 36_500).default(30), {
        description: 'how long ended jobs and cached results are kept, in days; what they made stays',
      }),
    })
    .prefault({}),
  chat: z
    .strictObject({
      mediaAddress: setting(address.optional(), {
        description:
          'where the services listen that read pictures and recordings of conversations and speak replies (default: this server)',
      }),
      showPictures: setting(yesOrNo.default(false), {
        description: 'the language model looks at pictures itself; otherwise it reads what is on them',
      }),
    })
    .prefault({}),
  dag: z
    .strictObject({
      httpHosts: setting(listOfTexts.default([]), {
        description:
          'hosts that http nodes of graphs may ask, with commas between them; private ones with their port (default: none)',
      }),
      services: setting(namedAddresses.default({}), {
        description:
          'what custom nodes of graphs call, as NAME=HOST:PORT or NAME=tls://HOST:PORT with commas between them (default: none)',
      }),
      servicesCa: setting(text.optional(), {
        description:
          'PEM file of whoever vouches for custom services that are called by TLS (default: those that Node.js knows)',
      }),
      maxRuns: setting(wholeNumber(1, 1_000_000).optional(), {
        description: 'how many runs of graphs each tenant may have at once; its others wait (default: no limit)',
      }),
      maxRunsOf: setting(namedNumbers.default({}), {
        description: 'the same for single tenants, as TENANT=N with commas between them (default: none)',
      }),
    })
    .prefault({}),
  limits: z
    .strictObject({
      maxMessageBytes: setting(wholeNumber(1024, 2 ** 31 - 1).default(20 * 1024 * 1024), {
        description: 'the largest message on the wire, in bytes',
      }),
      maxTextBytes: setting(wholeNumber(1, 2 ** 28).default(1024 * 1024), {
        description: 'the largest text part of a message, in bytes of UTF-8',
      }),
      defaultDeadlineMs: milliseconds(60_000, 'for unary calls whose client sets no deadline'),
      drainMs: setting(wholeNumber(0, longestMs).default(10_000), {
        description: 'how long a stop waits for running calls before it aborts them, in milliseconds',
      }),
      maxCalls: setting(wholeNumber(1, 1_000_000).default(1000), {
        description: 'calls with one response that are served at once, at most',
      }),
      maxStreams: setting(wholeNumber(1, 1_000_000).default(5000), {
        description: 'streams that are open at once, at most',
      }),
      callsPerSecond: setting(rate.optional(), {
        description: 'calls of one tenant a second, over all processes (default: no limit)',
      }),
      keyCallsPerSecond: setting(rate.optional(), {
        description: 'calls of one credential a second, over all processes (default: no limit)',
      }),
      tenantCallsPerSecond: setting(namedRates.default({}), {
        description: 'the same for some tenants instead, as acme=100,other=5 (default: none)',
      }),
      targetDelayMs: milliseconds(100, 'how long work may stand in the process before fewer calls are served at once'),
      slowConsumerMs: milliseconds(60_000, 'how long a reader of a stream may take nothing before it is cut off'),
      maxUploadBytes: setting(wholeNumber(1, 2 ** 40).default(2 ** 30), {
        description: 'the largest upload, in bytes',
      }),
      maxAudioMinutes: setting(wholeNumber(1, 10_000).default(360), { description: 'the longest audio, in minutes' }),
      maxPictureBytes: setting(wholeNumber(1, 2 ** 30).default(20 * 1024 * 1024), {
        description: 'the largest picture, in bytes',
      }),
      maxPicturePixels: setting(wholeNumber(1, 2 ** 30).default(50_000_000), {
        description: 'the largest picture, width times height',
      }),
    })
    .prefault({}),
})

/** A leaf of the schema and the names it goes by. */
export interface Setting extends SettingNotes {
  /** As in a file: `model.apiKey`. */
  readonly path: string
  /** `HOLDFAST_MODEL_API_KEY`. */
  readonly variable: string
  /** `--model-api-key`. */
  readonly flag: string
}

/** All settings, in the order of the schema. */
export const settings: readonly Setting[] = settingsOf(configSchema.shape, [])

function settingsOf(shape: z.ZodRawShape, above: readonly string[]): Setting[] {
  return Object.entries(shape).flatMap(([key, schema]) => {
    const path = [...above, key]
    const inner = schema instanceof z.ZodPrefault ? schema.unwrap() : schema
    if (inner instanceof z.ZodObject) return settingsOf(inner.shape, path)
    const words = path.join('-').replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
    const notes = (schema as z.ZodType).meta() as SettingNotes | undefined
    const names = { variable: `HOLDFAST_${words.replaceAll('-', '_').toUpperCase()}`, flag: `--${words}` }
    return [{ description: '', ...names, ...notes, path: path.join('.') }]
  })
}
