import type { dag } from '@holdfast/protocol'
import type { Output } from '../output.js'
import { printable } from '../printable.js'

/** Shows the nodes of a run while it goes on. */
export interface EventView {
  begin(id: string): Promise<void>
  show(event: dag.StreamExecutionResponse): Promise<void>
  end(): Promise<void>
}

/** In a terminal a tree of nodes that changes in place, elsewhere a line for each event. */
export function eventView(out: Output): EventView {
  return out.isTerminal ? new Tree(out) : new Lines(out)
}

const signs: { readonly [type: string]: string } = {
  'node-started': '▶',
  'node-completed': '✔',
  'node-failed': '✖',
  'node-retrying': '↻',
  'node-skipped': '–',
  'node-cancelled': '■',
}

const endings = new Set(['node-completed', 'node-failed', 'node-skipped', 'node-cancelled'])

class Lines implements EventView {
  readonly #out: Output
  #run = ''

  constructor(out: Output) {
    this.#out = out
  }

  async begin(id: string): Promise<void> {
    this.#run = id
    await this.#out.line(`run ${id}`)
  }

  async show(event: dag.StreamExecutionResponse): Promise<void> {
    if (event.type === 'node-progress' || event.type === 'node-expanded') return
    await this.#out.line(lineOf(event, this.#run))
  }

  async end(): Promise<void> {}
}

/** At most so many lines are drawn: of more nodes, those under way, and those that ended last. */
const mostLines = 24
/** Of the text of a node, so much is kept; no terminal is wider. */
const toldLength = 500
/** Tokens come faster than anybody reads. */
const pauseMs = 50

class Tree implements EventView {
  readonly #out: Output
  readonly #nodes = new Map<string, string>()
  /** As they are drawn. */
  readonly #order: string[] = []
  /** What those under way tell. */
  readonly #told = new Map<string, string>()
  #run = ''
  /** Those that have ended, in this order. */
  readonly #ended = new Set<string>()
  #drawn = 0
  #drawnAt = 0
  #drawing: NodeJS.Timeout | undefined

  constructor(out: Output) {
    this.#out = out
  }

  async begin(id: string): Promise<void> {
    this.#run = id
    await this.#out.line(`run ${id}`)
  }

  async show(event: dag.StreamExecutionResponse): Promise<void> {
    const { node, type } = event
    if (node === '' || type === 'node-expanded') return
    if (type === 'node-progress') this.#tell(event)
    else {
      this.#place(node)
      this.#nodes.set(node, `${'  '.repeat(node.split('/').length - 1)}${lineOf(event, this.#run)}`)
      this.#told.delete(node)
      this.#ended.delete(node)
      if (endings.has(type)) this.#ended.add(node)
    }
    const inMs = this.#drawnAt + pauseMs - Date.now()
    if (inMs <= 0) await this.#draw()
    else
      this.#drawing ??= setTimeout(() => {
        // Whoever reads no more is found out with the next event.
        void this.#draw().catch(() => undefined)
      }, inMs)
  }

  async end(): Promise<void> {
    await this.#draw()
  }

  /** Behind the node of which the graph it is in, and what else there is in that. */
  #place(node: string): void {
    if (this.#nodes.has(node)) return
    const parent = node.slice(0, Math.max(0, node.lastIndexOf('/')))
    const last = this.#order.findLastIndex((one) => one === parent || one.startsWith(`${parent}/`))
    this.#order.splice(parent === '' || last < 0 ? this.#order.length : last + 1, 0, node)
  }

  /** Tokens make a text, of which the end is shown; anything else stands for what was told before. */
  #tell(event: dag.StreamExecutionResponse): void {
    const { text, isPart } = progressOf(event)
    const before = isPart ? (this.#told.get(event.node) ?? '') : ''
    this.#told.set(event.node, `${before}${text}`.slice(-toldLength))
  }

  async #draw(): Promise<void> {
    clearTimeout(this.#drawing)
    this.#drawing = undefined
    this.#drawnAt = Date.now()
    const width = (this.#out.stream as NodeJS.WriteStream).columns ?? 80
    const lines = this.#lines(width - 1)
    const up = this.#drawn === 0 ? '' : `\x1b[${this.#drawn}A\x1b[J`
    this.#drawn = lines.length
    await this.#out.write(up + lines.map((line) => `${line}\n`).join(''))
  }

  #lines(width: number): string[] {
    const more = this.#order.length - mostLines
    const left = more <= 0 ? [] : [...this.#ended].slice(0, more + 1)
    const shown = this.#order.filter((node) => !left.includes(node)).slice(-(more <= 0 ? mostLines : mostLines - 1))
    const lines = shown.map((node) => this.#line(node, width))
    if (more <= 0) return lines
    const unseen = this.#order.length - shown.length
    return [`… ${unseen} more; ${this.#ended.size} of ${this.#order.length} have ended`.slice(0, width), ...lines]
  }

  #line(node: string, width: number): string {
    const line = this.#nodes.get(node) ?? node
    const told = this.#told.get(node)
    const room = width - line.length - 2
    if (told === undefined || room < 8) return line.slice(0, width)
    return `${line}  ${told.length > room ? `…${told.slice(1 - room)}` : told}`
  }
}

function lineOf({ type, node, attempt, eventJson }: dag.StreamExecutionResponse, run: string): string {
  const event = JSON.parse(eventJson) as {
    readonly error?: { readonly message: string }
    readonly why?: string
    readonly from?: string
    readonly awaits?: string
  }
  const notes = [
    attempt > 1 ? `attempt ${attempt}` : '',
    event.why ?? '',
    event.from ?? '',
    event.error?.message ?? '',
    event.awaits === undefined ? '' : `waits for: holdfast dag signal ${run} ${event.awaits} true`,
  ]
  const noted = notes.filter((note) => note !== '').join(', ')
  return printable(`${signs[type] ?? '·'} ${node === '' ? type : node}${noted === '' ? '' : ` (${noted})`}`)
}

function progressOf({ eventJson }: dag.StreamExecutionResponse): { readonly text: string; readonly isPart: boolean } {
  const { progress } = JSON.parse(eventJson) as { readonly progress: unknown }
  const { text, stage } = (progress ?? {}) as { readonly text?: unknown; readonly stage?: unknown }
  if (typeof text === 'string') return { text: printable(text), isPart: true }
  return { text: printable(typeof stage === 'string' ? stage : JSON.stringify(progress)), isPart: false }
}
