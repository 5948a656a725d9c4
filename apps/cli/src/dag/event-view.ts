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

  constructor(out: Output) {
    this.#out = out
  }

  async begin(id: string): Promise<void> {
    await this.#out.line(`run ${id}`)
  }

  async show(event: dag.StreamExecutionResponse): Promise<void> {
    if (event.type === 'node-progress' || event.type === 'node-expanded') return
    await this.#out.line(lineOf(event))
  }

  async end(): Promise<void> {}
}

/** At most so many lines are drawn: of more nodes, those under way, and those that ended last. */
const mostLines = 24
/** Tokens come faster than anybody reads. */
const pauseMs = 50

class Tree implements EventView {
  readonly #out: Output
  readonly #nodes = new Map<string, string>()
  /** Those that have ended, in this order. */
  readonly #ended = new Set<string>()
  #drawn = 0
  #drawnAt = 0
  #drawing: NodeJS.Timeout | undefined

  constructor(out: Output) {
    this.#out = out
  }

  async begin(id: string): Promise<void> {
    await this.#out.line(`run ${id}`)
  }

  async show(event: dag.StreamExecutionResponse): Promise<void> {
    const { node, type } = event
    if (node === '' || type === 'node-expanded') return
    const depth = node.split('/').length - 1
    const before = this.#nodes.get(node)
    if (type === 'node-progress') {
      if (before !== undefined) this.#nodes.set(node, `${before.split('  ')[0]}  ${progressOf(event)}`)
    } else {
      this.#nodes.set(node, `${'  '.repeat(depth)}${lineOf(event)}`)
      this.#ended.delete(node)
      if (endings.has(type)) this.#ended.add(node)
    }
    const inMs = this.#drawnAt + pauseMs - Date.now()
    if (inMs <= 0) await this.#draw()
    else this.#drawing ??= setTimeout(() => void this.#draw(), inMs)
  }

  async end(): Promise<void> {
    await this.#draw()
  }

  async #draw(): Promise<void> {
    clearTimeout(this.#drawing)
    this.#drawing = undefined
    this.#drawnAt = Date.now()
    const width = (this.#out.stream as NodeJS.WriteStream).columns ?? 80
    const lines = this.#lines().map((line) => line.slice(0, width - 1))
    const up = this.#drawn === 0 ? '' : `\x1b[${this.#drawn}A\x1b[J`
    this.#drawn = lines.length
    await this.#out.write(up + lines.map((line) => `${line}\n`).join(''))
  }

  #lines(): string[] {
    const more = this.#nodes.size - mostLines
    if (more <= 0) return [...this.#nodes.values()]
    const left = new Set([...this.#ended].slice(0, more + 1))
    const shown = [...this.#nodes].flatMap(([node, line]) => (left.has(node) ? [] : [line]))
    const unseen = this.#nodes.size - Math.min(shown.length, mostLines - 1)
    return [`  … ${unseen} more, ${this.#ended.size} of ${this.#nodes.size} have ended`, ...shown.slice(1 - mostLines)]
  }
}

function lineOf({ type, node, attempt, eventJson }: dag.StreamExecutionResponse): string {
  const event = JSON.parse(eventJson) as {
    readonly error?: { readonly message: string }
    readonly why?: string
    readonly from?: string
  }
  const notes = [attempt > 1 ? `attempt ${attempt}` : '', event.why ?? '', event.from ?? '', event.error?.message ?? '']
  const noted = notes.filter((note) => note !== '').join(', ')
  return printable(`${signs[type] ?? '·'} ${node === '' ? type : node}${noted === '' ? '' : ` (${noted})`}`)
}

function progressOf({ eventJson }: dag.StreamExecutionResponse): string {
  const { progress } = JSON.parse(eventJson) as { readonly progress: unknown }
  const { text, stage } = (progress ?? {}) as { readonly text?: unknown; readonly stage?: unknown }
  return printable(typeof text === 'string' ? text : typeof stage === 'string' ? stage : JSON.stringify(progress))
}
