import { HoldfastError } from '@holdfast/errors'

/** What is wrong with a graph, and where. */
export interface GraphProblem {
  /** `nodes[3].with.text`; empty: the whole graph. */
  readonly path: string
  readonly message: string
}

/** Gathers what is wrong, so that an author sees all of it at once. */
export class Problems {
  readonly found: GraphProblem[] = []
  readonly #unknown: string[] = []

  add(path: string, message: string): void {
    if (this.#unknown.some((within) => path.startsWith(`${within}.`))) return
    this.found.push({ path, message })
  }

  /** Says nothing of what is in this place from now on: nobody knows what it should be. */
  addNothingIn(path: string): void {
    this.#unknown.push(path)
  }

  /** @throws INVALID_ARGUMENT (GRAPH_INVALID) with a field for each problem */
  throwIfAny(): void {
    const [first] = this.found
    if (first === undefined) return
    const more = this.found.length === 1 ? '' : ` (and ${this.found.length - 1} more)`
    throw new HoldfastError('INVALID_ARGUMENT', `The graph is not valid: ${shown(first)}${more}`, {
      reason: 'GRAPH_INVALID',
      fields: this.found.map(({ path, message }) => ({ field: path, description: message })),
    })
  }
}

export function shown({ path, message }: GraphProblem): string {
  return path === '' ? message : `${path} ${message}`
}

/** `at('nodes[0].with', 'a b')` is `nodes[0].with["a b"]`. */
export function at(path: string, member: string | number): string {
  if (typeof member === 'number') return `${path}[${member}]`
  if (!/^[A-Za-z_][\w-]*$/.test(member)) return `${path}[${JSON.stringify(member)}]`
  return path === '' ? member : `${path}.${member}`
}
