import type { OutcomeOperations } from '../backend.js'
import type { Journal, Run } from './journal.js'

interface Outcome {
  readonly tenant: string
  readonly json: string | undefined
  readonly at: number
}

export class MemoryOutcomes implements OutcomeOperations {
  readonly #run: Run
  readonly #journal: Journal
  readonly #clock: () => number
  readonly #outcomes: Map<string, Outcome>

  constructor(run: Run, journal: Journal, clock: () => number, outcomes: Map<string, Outcome> = new Map()) {
    this.#run = run
    this.#journal = journal
    this.#clock = clock
    this.#outcomes = outcomes
  }

  on(run: Run): MemoryOutcomes {
    return new MemoryOutcomes(run, this.#journal, this.#clock, this.#outcomes)
  }

  find(tenant: string, key: string): Promise<{ readonly json: string | undefined } | undefined> {
    return this.#run(() => this.#outcomes.get(nameOf(tenant, key)))
  }

  record(tenant: string, key: string, json: string | undefined): Promise<void> {
    return this.#run(() => this.#set(nameOf(tenant, key), { tenant, json, at: this.#clock() }))
  }

  sweep(olderThanMs: number, limit: number): Promise<number> {
    const isOld = ({ at }: Outcome): boolean => at < this.#clock() - olderThanMs
    return this.#run(() => this.#remove(isOld, limit))
  }

  erase(tenant: string): Promise<number> {
    return this.#run(() => this.#remove((outcome) => outcome.tenant === tenant, Number.POSITIVE_INFINITY))
  }

  #remove(goes: (outcome: Outcome) => boolean, limit: number): number {
    const names = [...this.#outcomes].filter(([, outcome]) => goes(outcome)).map(([name]) => name)
    const going = names.slice(0, limit)
    for (const name of going) this.#set(name, undefined)
    return going.length
  }

  #set(name: string, outcome: Outcome | undefined): void {
    const before = this.#outcomes.get(name)
    assign(this.#outcomes, name, outcome)
    this.#journal.record(() => assign(this.#outcomes, name, before))
  }
}

function assign(outcomes: Map<string, Outcome>, name: string, outcome: Outcome | undefined): void {
  if (outcome === undefined) outcomes.delete(name)
  else outcomes.set(name, outcome)
}

const nameOf = (tenant: string, key: string): string => `${tenant}\0${key}`
