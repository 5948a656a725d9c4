import { HoldfastError } from '@holdfast/errors'
import { setImmediate } from 'node:timers/promises'
import { type FromProcess, sentError, type ToProcess } from './process-messages.js'

/** A model as its process runs it, one call at a time. */
export interface ServedModel<Request, Result, Event = never> {
  run(request: Request, call: ServedCall<Event>): Promise<Result> | Result
}

export interface ServedCall<Event> {
  /** Lets the word through that the call is cancelled. Ask between two steps of a computation: a call that stops by itself keeps the model
   *  loaded, one that does not is ended with its process. @throws CANCELLED */
  readonly breathe: () => Promise<void>
  readonly emit: (event: Event) => void
}

/** To be called once, by the script of a model's process.
 *  @param load makes the model, from the `settings` of the host. What it throws is what the waiting calls throw */
export function serveModel<Request, Result, Event = never>(
  load: (settings: never) => Promise<ServedModel<Request, Result, Event>>,
): void {
  if (process.send === undefined) {
    throw new HoldfastError('FAILED_PRECONDITION', 'A model is served by a process that a model host started')
  }
  let model: ServedModel<Request, Result, Event>
  let stopped = 0
  // Without a host there is nobody to work for. Ctrl-C is for the host: it may want to finish what it has begun.
  process.on('disconnect', () => process.exit())
  process.on('SIGINT', () => {})
  process.on('message', (message: ToProcess) => {
    if (message.type === 'stop') stopped = message.id
    else if (message.type === 'call') void answer(message.id, message.request as Request)
    else void start(message.settings)
  })

  async function start(settings: unknown): Promise<void> {
    try {
      model = await load(settings as never)
      send({ type: 'ready' })
    } catch (error) {
      send({ type: 'not-loaded', error: sentError(error) })
    }
  }

  async function answer(id: number, request: Request): Promise<void> {
    const breathe = async () => {
      await setImmediate()
      if (stopped === id) throw new HoldfastError('CANCELLED', 'The call was cancelled')
    }
    try {
      const result = await model.run(request, { breathe, emit: (event) => send({ type: 'event', id, event }) })
      send({ type: 'result', id, result })
    } catch (error) {
      send({ type: 'error', id, error: sentError(error) })
    }
  }
}

function send(message: FromProcess): void {
  process.send?.(message)
}
