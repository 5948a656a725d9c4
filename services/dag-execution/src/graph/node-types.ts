import type { JsonObject, NodeType } from './graph.js'

/** What a port holds. `artifact`: the id of an artifact, which is kept in blobs; media travel as these. */
export type PortType = 'string' | 'number' | 'boolean' | 'list' | 'object' | 'artifact' | 'any'

export interface InputPort {
  readonly type: PortType
  readonly required?: boolean
  readonly description: string
  /** What it may be, when it is written out. */
  readonly oneOf?: readonly string[]
}

export interface NodeTypeDescription {
  readonly description: string
  readonly inputs: { readonly [port: string]: InputPort }
  readonly outputs: { readonly [port: string]: PortType }
  /** What does it: a call of something outside, or the interpreter by itself. */
  readonly work: 'call' | 'pure' | 'graph' | 'wait'
}

const text = (description: string): InputPort => ({ type: 'string', description })
const number = (description: string): InputPort => ({ type: 'number', description })
const artifact = (description: string): InputPort => ({ type: 'artifact', description })
const required = (port: InputPort): InputPort => ({ ...port, required: true })

/** The ports of every type. Those of the services are fields of their requests and answers (proto/holdfast); a test compares them. */
export const nodeTypeDescriptions: { readonly [T in NodeType]: NodeTypeDescription } = {
  'speech-to-text': {
    description: 'Writes down what is said in a recording.',
    inputs: {
      audio: required(artifact('The recording.')),
      language: text('Of the speech, as BCP 47 has it; default: the model finds out.'),
      prompt: text('Words that the model should expect.'),
    },
    outputs: {
      text: 'string',
      language: 'string',
      segments: 'list',
      durationMs: 'number',
      audio: 'artifact',
      job: 'string',
    },
    work: 'call',
  },
  'text-to-speech': {
    description: 'Says a text.',
    inputs: {
      text: text('What is said; or `ssml`.'),
      ssml: text('What is said, as SSML.'),
      voice: text('Default: the model’s own.'),
      speed: number('1 is the voice’s own; default 1.'),
      format: { ...text('Of the audio; default wav.'), oneOf: ['wav', 'pcm', 'mp3', 'ogg', 'flac', 'm4a'] },
    },
    outputs: { audio: 'artifact', durationMs: 'number', sampleRateHz: 'number', voice: 'string', job: 'string' },
    work: 'call',
  },
  chat: {
    description: 'Asks the chat service, in a conversation of its own or in one that is there.',
    inputs: {
      prompt: required(text('What the user says.')),
      conversation: text('Default: a new one for this node.'),
      system: text('What the model reads first.'),
      model: text('Default: the service’s own.'),
      temperature: number('From 0 to 2.'),
      maxOutputTokens: number('How long the answer may be.'),
    },
    outputs: { text: 'string', conversation: 'string', reply: 'string', model: 'string' },
    work: 'call',
  },
  vision: {
    description: 'Looks at a picture.',
    inputs: {
      picture: required(artifact('What is looked at.')),
      tasks: { type: 'list', description: 'Of describe, detect, read-text and compare; default: describe.' },
      prompt: text('What the description should tell.'),
      minScore: number('Of objects that are told, from 0 to 1.'),
      limit: number('How many objects at most.'),
      other: artifact('What the picture is compared with.'),
    },
    outputs: {
      description: 'string',
      objects: 'list',
      text: 'string',
      lines: 'list',
      similarity: 'number',
      width: 'number',
      height: 'number',
      job: 'string',
    },
    work: 'call',
  },
  'image-generation': {
    description: 'Makes pictures from words, or changes one.',
    inputs: {
      prompt: required(text('What is to be seen.')),
      negativePrompt: text('What is not.'),
      width: number('In pixels.'),
      height: number('In pixels.'),
      count: number('How many pictures; default 1.'),
      seed: number('The same seed makes the same picture.'),
      format: { ...text('Default png.'), oneOf: ['png', 'jpeg', 'webp'] },
      quality: number('Of jpeg and webp, from 1 to 100.'),
      picture: artifact('The one that is changed.'),
      mask: artifact('Where it is changed.'),
    },
    outputs: { image: 'artifact', images: 'list', thumbnail: 'artifact', seed: 'number', job: 'string' },
    work: 'call',
  },
  http: {
    description: 'Asks a host that the configuration allows.',
    inputs: {
      url: required(text('http or https.')),
      method: { ...text('Default GET.'), oneOf: ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD'] },
      headers: { type: 'object', description: 'Names and values.' },
      body: { type: 'any', description: 'A string as it is, anything else as JSON.' },
    },
    outputs: { status: 'number', headers: 'object', body: 'any' },
    work: 'call',
  },
  transform: {
    description: 'Makes a value of others.',
    inputs: { value: required({ type: 'any', description: 'The value, with expressions in it.' }) },
    outputs: { value: 'any' },
    work: 'pure',
  },
  condition: {
    description: 'Decides: nodes behind it look at `result` in their `when`.',
    inputs: { if: required({ type: 'boolean', description: 'What is asked.' }) },
    outputs: { result: 'boolean' },
    work: 'pure',
  },
  'for-each': {
    description: 'Runs a graph for each element of a list.',
    inputs: {
      items: required({ type: 'list', description: 'The list.' }),
      graph: required({ type: 'any', description: 'The graph: its name, or the graph itself.' }),
      inputs: { type: 'object', description: 'What it is given; default: `item`, if it has such an input.' },
    },
    outputs: { items: 'list' },
    work: 'graph',
  },
  'sub-graph': {
    description: 'Runs a graph within this one. Its outputs are the node’s.',
    inputs: {
      graph: required({ type: 'any', description: 'The graph: its name, or the graph itself.' }),
      inputs: { type: 'object', description: 'What it is given.' },
    },
    outputs: {},
    work: 'graph',
  },
  'loop-breaker': {
    description: 'Ends a cycle: after `max` rounds, or when `until` is true.',
    inputs: {
      max: required(number('Rounds at most, from 1 to 1000; written out.')),
      until: { type: 'boolean', description: 'Whether this round is the last.' },
      value: { type: 'any', description: 'What the next round is given; null in the first.' },
    },
    outputs: { value: 'any', iteration: 'number', done: 'boolean' },
    work: 'pure',
  },
  approval: {
    description: 'Waits for a signal that says yes or no.',
    inputs: {
      message: { type: 'any', description: 'What is to be approved, for whoever is asked.' },
      signal: text('Its name; default: the node’s own path.'),
    },
    outputs: { approved: 'boolean', payload: 'any' },
    work: 'wait',
  },
  wait: {
    description: 'Waits for a time.',
    inputs: { ms: number('How long, in milliseconds; or `until`.'), until: text('A moment, as ISO 8601 has it.') },
    outputs: { until: 'string' },
    work: 'wait',
  },
  custom: {
    description: 'Calls a service of your own, which serves holdfast.dag.v1.NodeService.',
    inputs: {
      service: required(text('Its name in the configuration.')),
      input: { type: 'any', description: 'What it is given.' },
    },
    outputs: { output: 'any' },
    work: 'call',
  },
}

/** Of any node: whether it ran, and why not. */
export const statePorts: { readonly [port: string]: PortType } = { status: 'string', error: 'any' }

/** Whether what is of type `from` can be put where `to` is asked for. */
export function fits(from: PortType, to: PortType): boolean {
  return from === to || from === 'any' || to === 'any' || (from === 'artifact' && to === 'string')
}

/** Of the JSON Schema of an input: `{ type: 'string', format: 'artifact' }` is an artifact. */
export function typeOfSchema({ type, format }: JsonObject): PortType {
  if (type === 'string') return format === 'artifact' ? 'artifact' : 'string'
  if (type === 'integer' || type === 'number') return 'number'
  if (type === 'boolean' || type === 'object') return type
  return type === 'array' ? 'list' : 'any'
}

/** Of what CEL calls a type: `list<int>`. */
export function typeOfExpression(type: string): PortType {
  const [outer = ''] = type.split('<')
  const known: { readonly [name: string]: PortType } = {
    string: 'string',
    bool: 'boolean',
    int: 'number',
    uint: 'number',
    double: 'number',
    list: 'list',
    map: 'object',
  }
  return known[outer] ?? 'any'
}

export function typeOfValue(value: unknown): PortType {
  if (Array.isArray(value)) return 'list'
  if (value === null) return 'any'
  const type = typeof value
  return type === 'string' || type === 'number' || type === 'boolean' || type === 'object' ? type : 'any'
}
