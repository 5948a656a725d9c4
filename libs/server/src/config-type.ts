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
