import { type Caller, currentCaller, onBehalfOf } from '@holdfast/persistence/telemetry'

/** Gathers what is asked for in one turn of the event loop, and asks for all of it at once. */
export class TickBatch<Q, A> {
  readonly #run: (questions: readonly Q[]) => Promise<readonly A[]>
  readonly #maxSize: number
  #waiting: {
    readonly question: Q
    readonly caller: Caller
    readonly resolve: (answer: A) => void
    readonly reject: (error: unknown) => void
  }[] = []

  /** @param run answers in the order of the questions
   *  @param maxSize of one batch */
  constructor(run: (questions: readonly Q[]) => Promise<readonly A[]>, maxSize = 500) {
    this.#run = run
    this.#maxSize = maxSize
  }

  ask(question: Q): Promise<A> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ question, caller: currentCaller(), resolve, reject })
      if (this.#waiting.length === 1) process.nextTick(() => this.#send())
      else if (this.#waiting.length >= this.#maxSize) this.#send()
    })
  }

  #send(): void {
    const batch = this.#waiting
    if (batch.length === 0) return
    this.#waiting = []
    const run = (): Promise<readonly A[]> => this.#run(batch.map(({ question }) => question))
    onBehalfOf(
      batch.map(({ caller }) => caller),
      run,
    ).then(
      (answers) => {
        for (const [index, { resolve }] of batch.entries()) resolve(answers[index] as A)
      },
      (error: unknown) => {
        for (const { reject } of batch) reject(error)
      },
    )
  }
}
