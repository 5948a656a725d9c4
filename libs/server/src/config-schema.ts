// Above 400 lines, since it is one list: what a setting is called, what it may be, and what it is for stand together.
import { z } from 'zod'

/** What a Holdfast process is told from outside. Every value comes from a flag, the environment, a file or its default. */
export interface Config {
  /** `postgres://…`, `embedded:FOLDER` or `memory:`; default: embedded in `dataFolder`. */
  readonly databaseUrl?: string | undefined
  /** Policies of row-level security on a PostgreSQL server, as a second wall between tenants; default: as they stand. */
  readonly rowSecurity?: boolean | undefined
  /** Where the embedded store lives; default `.holdfast`. */
  readonly dataFolder: string
  /** Where local models live that `holdfast models install` brings; default `.holdfast-models`. */
  readonly modelsFolder?: string | undefined
  /** `redis://…` of one server, where conversations are cached; default: no cache. The same for all processes on one database. */
  readonly redisUrl?: string | undefined
  /** In place of that some nodes of a Redis Cluster, as URLs with commas between them. */
  readonly redisClusterUrls?: readonly string[] | undefined
  /** Where gRPC listens, HOST:PORT; default 127.0.0.1:9095. Port 0: a free one. */
  readonly listen: string
  readonly services: {
    /** What this process serves, and does the work of; default: everything. */
    readonly serve?: readonly ServedService[] | undefined
    /** Where it calls services: HOST:PORT, or SERVICE=HOST:PORT with commas between them; default: itself. */
    readonly address?: string | undefined
  }
  readonly metrics: {
    /** Default true. */
    readonly enabled: boolean
    /** Where Prometheus reads, HOST:PORT; default 127.0.0.1:9464. */
    readonly listen: string
    /** What Prometheus has to send as a bearer token; default: nothing. */
    readonly token?: string | undefined
  }
  /** Who may call this server. */
  readonly auth: {
    /** Credentials that are taken: `keys`, `jwt` or both; default `none`, for development: everybody on this machine is the admin of the default tenant. */
    readonly accept: readonly ('none' | 'keys' | 'jwt')[]
    /** What services of one installation sign their calls to one another with, at least 32 characters; default: a random one, for one process. */
    readonly serviceKey?: string | undefined
    readonly jwt: {
      /** Where the issuer publishes its keys. */
      readonly jwksUrl?: string | undefined
      readonly issuer?: string | undefined
      readonly audience?: string | undefined
      /** Default RS256, ES256, EdDSA. */
      readonly algorithms: readonly string[]
      /** Default `tenant`. */
      readonly tenantClaim: string
      /** Default `role`. */
      readonly roleClaim: string
      /** Default 30,000 ms. */
      readonly clockToleranceMs: number
    }
  }
  /** PEM files of this server; read again when they change. */
  readonly tls: {
    readonly certificate?: string | undefined
    readonly key?: string | undefined
    /** Roots that clients’ certificates have to come from; default: clients need none. */
    readonly clientCa?: string | undefined
  }
  /** What commands present to the server that `--server` names. */
  readonly client: {
    /** An API key or a token. */
    readonly token?: string | undefined
    /** TLS with the system's roots; default false, and true where there is `tlsCa`. */
    readonly tls: boolean
    /** PEM file of the roots to trust. */
    readonly tlsCa?: string | undefined
    /** PEM files of the client's own certificate and key. */
    readonly tlsCertificate?: string | undefined
    readonly tlsKey?: string | undefined
    /** The name to verify in the server's certificate; default: the host. */
    readonly tlsServerName?: string | undefined
  }
  readonly audit: {
    /** Whether calls of admins, erasures and denied calls are kept in the audit log; default true. */
    readonly enabled: boolean
    /** Makes HMACs of the audit log's hashes: the same for all processes, and kept where the database is not. */
    readonly key?: string | undefined
  }
  readonly log: {
    /** The least level that is written; default `info`. */
    readonly level: 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal' | 'silent'
    /** Default `auto`: `text` in a terminal, else `json`. */
    readonly format: 'auto' | 'json' | 'text'
  }
  readonly traces: {
    /** URL of a receiver of OTLP over HTTP, without `/v1/traces`; default: what OTEL_EXPORTER_OTLP_ENDPOINT says, else no traces. */
    readonly endpoint?: string | undefined
    /** Of the calls that belong to no trace yet, how many begin one, from 0 to 1; default 1. */
    readonly ratio: number
  }
  readonly model: {
    /** Base URL of an OpenAI-compatible endpoint, up to and including `/v1`; default: none, replies come from `recall`. */
    readonly baseUrl?: string | undefined
    /** Sent as a bearer token. */
    readonly apiKey?: string | undefined
    /** The model that answers unless a request names another. */
    readonly name?: string | undefined
    /** Until the connection stands; default 10,000 ms. */
    readonly connectTimeoutMs: number
    /** From the request to the first token; default 120,000 ms. */
    readonly firstTokenTimeoutMs: number
    /** Between two pieces of an answer; default 60,000 ms. */
    readonly idleTimeoutMs: number
    /** For the whole answer; default 600,000 ms. */
    readonly totalTimeoutMs: number
    /** How often a request that failed before its first token is sent again; default 2. */
    readonly maxRetries: number
  }
  /** Who hears, speaks, sees, paints and embeds. */
  readonly models: {
    readonly transcription: ServiceModelConfig
    readonly speech: ServiceModelConfig
    readonly vision: ServiceModelConfig & {
      /** Whether a model of an endpoint is asked where things are; default false. Local models always are. */
      readonly canDetect: boolean
    }
    readonly image: ServiceModelConfig
    readonly embedding: ServiceModelConfig & {
      /** Numbers in each vector of a model of an endpoint; default: what is known of OpenAI's own. */
      readonly dimensions?: number | undefined
    }
  }
  readonly jobs: {
    /** Attempts at once in this process; default 2. 0: it takes jobs in, and other processes do the work. */
    readonly workers: number
    /** Of one tenant that may wait; default 10,000. */
    readonly maxQueued: number
    /** How long ended jobs, their events and cached results are kept; default 30 days. What they made stays. */
    readonly retainDays: number
  }
  readonly chat: {
    /** Where the services listen that read the pictures and recordings of conversations and speak replies; absent: the server's own. */
    readonly mediaAddress?: string | undefined
    /** The language model looks at pictures itself; default false: it reads what is on them. */
    readonly showPictures: boolean
  }
  readonly dag: {
    /** Hosts that `http` nodes of graphs may ask: `api.example.org`, `*.example.org`, `localhost:8080`; default: none. */
    readonly httpHosts: readonly string[]
    /** Addresses of the services that `custom` nodes call, by the names that graphs know: `HOST:PORT`, or `tls://HOST:PORT`; default: none. */
    readonly services: { readonly [name: string]: string }
    /** PEM file of whoever vouches for those that are called by TLS; default: those that Node.js knows. */
    readonly servicesCa?: string | undefined
    /** How many runs of graphs each tenant may have at once; its others wait. Default: no limit. */
    readonly maxRuns?: number | undefined
    /** The same for single tenants, by their names. */
    readonly maxRunsOf: { readonly [tenant: string]: number }
  }
  readonly limits: {
    /** The largest message on the wire, both ways; default 20 MiB. */
    readonly maxMessageBytes: number
    /** The largest text part of a message, in UTF-8; default 1 MiB. */
    readonly maxTextBytes: number
    /** For unary calls whose client sets no deadline; default 60,000 ms. */
    readonly defaultDeadlineMs: number
    /** How long a stop waits for running calls before it aborts them; default 10,000 ms. */
    readonly drainMs: number
    /** Calls with one response that are served at once, at most; default 1,000. */
    readonly maxCalls: number
    /** Streams that are open at once, at most; default 5,000. */
    readonly maxStreams: number
    /** Of one tenant, over all processes; default: no limit. */
    readonly callsPerSecond?: number | undefined
    /** Of one credential, over all processes; default: no limit. */
    readonly keyCallsPerSecond?: number | undefined
    /** Of some tenants, in place of `callsPerSecond`. */
    readonly tenantCallsPerSecond: { readonly [tenant: string]: number }
    /** How long work may stand in the process before fewer calls are served at once; default 100 ms. */
    readonly targetDelayMs: number
    /** How long a reader of a stream may take nothing before it is cut off; default 60,000 ms. */
    readonly slowConsumerMs: number
    /** The largest upload; default 1 GiB. */
    readonly maxUploadBytes: number
    /** The longest audio; default 6 hours. */
    readonly maxAudioMinutes: number
    /** The largest picture, as bytes come; default 20 MiB. */
    readonly maxPictureBytes: number
    /** Of a picture, width times height; default 50 million. */
    readonly maxPicturePixels: number
  }
}

/** Services as settings and addresses name them. */
export const servedServices = [
  'chat',
  'artifacts',
  'speech-to-text',
  'text-to-speech',
  'vision',
  'image-generation',
  'dag',
] as const

export type ServedService = (typeof servedServices)[number]

/** One of the models that are not for chat. */
export interface ServiceModelConfig {
  /** Default: `openai` if there is a `baseUrl`, else `local`. */
  readonly provider?: 'local' | 'openai' | undefined
  /** The model's name; required for `openai`. Default: the lightest local one. */
  readonly name?: string | undefined
  /** Of an OpenAI-compatible endpoint, up to and including `/v1`; default with `openai`: that of the chat model, with its key. */
  readonly baseUrl?: string | undefined
  readonly apiKey?: string | undefined
  /** Another one whenever the endpoint's model may answer otherwise: results are cached by it. */
  readonly version?: string | undefined
  /** What it costs; default: nothing is said of costs. */
  readonly price?: ModelPrice | undefined
}

export interface ModelPrice {
  /** ISO 4217. */
  readonly currency: string
  /** Of one unit each (`inputTokens`, `outputTokens`, `audioMs`, `characters`, `images`, `computeMs`), as a decimal. */
  readonly per: Readonly<Record<string, string>>
}

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

// Flags and variables are text, files have types of their own.
const wholeNumber = (least: number, most: number): z.ZodType<number> =>
  z.preprocess(
    (value) => (typeof value === 'string' && /^-?\d+$/.test(value.trim()) ? Number(value) : value),
    z.int(`must be a whole number from ${least} to ${most}`).min(least).max(most),
  )

const fraction = z.preprocess(
  (value) => (typeof value === 'string' && /^\d*\.?\d+$/.test(value.trim()) ? Number(value) : value),
  z.number('must be a number from 0 to 1').min(0).max(1),
)

const yesOrNo = z.preprocess((value) => {
  if (value === 'true' || value === '1') return true
  return value === 'false' || value === '0' ? false : value
}, z.boolean('must be true or false'))

const text = z.string().min(1)
const address = text.regex(/^(\[[^\]]+\]|[^:[\]\s]+):\d{1,5}$/, 'must be HOST:PORT, as 127.0.0.1:9095 or [::1]:9095')
const serviceAddress = text.regex(
  /^(tls:\/\/)?(\[[^\]]+\]|[^:[\]\s/]+):\d{1,5}$/,
  'must be HOST:PORT, or tls://HOST:PORT',
)
const databaseUrl = text.regex(
  /^(postgres(ql)?:\/\/.|embedded:.|memory:$)/,
  'must be postgres://…, embedded:FOLDER or memory:',
)
const redisUrl = text.regex(/^rediss?:\/\/[^/\s]/, 'must be redis://… or rediss://…')
const redisUrls = z.preprocess(
  (value) => (typeof value === 'string' ? value.split(',').map((url) => url.trim()) : value),
  z.array(redisUrl).min(1),
)
const listOfTexts = z.preprocess(
  (value) =>
    typeof value === 'string' ? value.split(',').flatMap((one) => (one.trim() === '' ? [] : [one.trim()])) : value,
  z.array(text),
)
const accepted = z.preprocess(
  (value) => (typeof value === 'string' ? value.split(',').map((one) => one.trim()) : value),
  z
    .array(z.enum(['none', 'keys', 'jwt'], 'must be none, keys, jwt or keys,jwt'))
    .min(1)
    .refine((kinds) => kinds.length === 1 || !kinds.includes('none'), 'must be none by itself, or credentials'),
)
const listOfServices = z.preprocess(
  (value) => (typeof value === 'string' ? value.split(',').map((one) => one.trim()) : value),
  z.array(z.enum(servedServices, `must be some of ${servedServices.join(', ')}`)).min(1),
)
const namedAddresses = z.preprocess(
  (value) =>
    typeof value === 'string'
      ? Object.fromEntries(
          value.split(',').flatMap((one) => (one.trim() === '' ? [] : [one.trim().split('=', 2) as [string, string]])),
        )
      : value,
  z.record(text, serviceAddress),
)
const namedNumbers = z.preprocess(
  (value) =>
    typeof value === 'string'
      ? Object.fromEntries(
          value.split(',').flatMap((one) => {
            const [name = '', number] = one.trim().split('=', 2)
            return name === '' ? [] : [[name, number] as const]
          }),
        )
      : value,
  z.record(text, z.coerce.number().pipe(z.int().min(1).max(1_000_000))),
)
const rate = z.preprocess(
  (value) => (typeof value === 'string' && /^\d+(\.\d+)?$/.test(value.trim()) ? Number(value) : value),
  z.number('must be a number greater than 0').positive().max(1_000_000),
)
const namedRates = z.preprocess(
  (value) =>
    typeof value === 'string'
      ? Object.fromEntries(
          value.split(',').flatMap((one) => (one.trim() === '' ? [] : [one.trim().split('=', 2) as [string, string]])),
        )
      : value,
  z.record(text, rate),
)
const httpUrl = text.regex(/^https?:\/\/[^/\s]/, 'must be an http:// or https:// URL')
const longestMs = 2 ** 31 - 1

const setting = <T extends z.ZodType>(schema: T, notes: SettingNotes): T => schema.meta({ ...notes })

const milliseconds = (standard: number, description: string): z.ZodDefault<z.ZodType<number>> =>
  setting(wholeNumber(1, longestMs).default(standard), { description: `${description}, in milliseconds` })

const units = ['inputTokens', 'outputTokens', 'audioMs', 'characters', 'images', 'computeMs'] as const
const priceForm = 'must be a currency and a price for each unit, as USD inputTokens=0.00000015,outputTokens=0.0000006'
const decimal = z.string().regex(/^\d{1,12}(\.\d{1,18})?$/, priceForm)

const price = z.preprocess(
  (value) => {
    const [, currency, list] = (typeof value === 'string' ? /^\s*([A-Z]{3})\s+(\S.*)$/.exec(value) : null) ?? []
    if (currency === undefined || list === undefined) return value
    const pairs = list.split(/[\s,]+/).map((pair) => pair.split('='))
    return { currency, per: Object.fromEntries(pairs.map(([unit = '', amount = '']) => [unit, amount])) }
  },
  z.strictObject(
    {
      currency: z.string().regex(/^[A-Z]{3}$/, priceForm),
      per: z.partialRecord(z.enum(units), decimal, priceForm),
    },
    priceForm,
  ),
)

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
