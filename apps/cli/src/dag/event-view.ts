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

/** At most so many lines are drawn: of more nodes, those that changed last. */
const mostLines = 24

class Tree implements EventView {
  readonly #out: Output
  readonly #nodes = new Map<string, string>()
  #drawn = 0
  #drawnAt = 0

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
    } else this.#nodes.set(node, `${'  '.repeat(depth)}${lineOf(event)}`)
    // Tokens come faster than anybody reads.
    if (Date.now() - this.#drawnAt > 50) await this.#draw()
  }

  async end(): Promise<void> {
    await this.#draw()
  }

  async #draw(): Promise<void> {
    this.#drawnAt = Date.now()
    const width = (this.#out.stream as NodeJS.WriteStream).columns ?? 80
    const lines = [...this.#nodes.values()].slice(-mostLines).map((line) => line.slice(0, width - 1))
    const up = this.#drawn === 0 ? '' : `\x1b[${this.#drawn}A\x1b[J`
    this.#drawn = lines.length
    await this.#out.write(up + lines.map((line) => `${line}\n`).join(''))
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
