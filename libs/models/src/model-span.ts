import {
  type Attributes,
  type Histogram,
  metrics,
  type Span,
  SpanKind,
  SpanStatusCode,
  trace,
} from '@opentelemetry/api'
import { asHoldfastError } from '@holdfast/errors'

const scope = '@holdfast/models'

/** What the conventions call an operation; `generate_content` is all that has no name of its own there. */
export type ModelOperation = 'chat' | 'embeddings' | 'generate_content'

let duration: Histogram | undefined

/** The calls of one model as spans and durations. Neither prompts nor answers get into any of it, and of names only the configured one: a request may
 *  name any other. Names: https://opentelemetry.io/docs/specs/semconv/gen-ai/ */
export class ModelWatch {
  readonly #name: string
  readonly #attributes: Attributes

  constructor(operation: ModelOperation, model: string, provider: 'local' | 'openai-compatible') {
    this.#name = `${operation} ${model}`
    this.#attributes = Object.freeze({
      'gen_ai.operation.name': operation,
      'gen_ai.request.model': model,
      'gen_ai.provider.name': provider,
    })
  }

  async call<T>(run: () => Promise<T>): Promise<T> {
    const end = this.#begin()
    try {
      const result = await run()
      end()
      return result
    } catch (error) {
      end(error)
      throw error
    }
  }

  /** Of what comes piece by piece, until its end or until its reader leaves. */
  async *stream<T>(pieces: AsyncIterable<T>): AsyncGenerator<T, void, undefined> {
    const end = this.#begin()
    let failure: unknown
    try {
      yield* pieces
    } catch (error) {
      failure = error
      throw error
    } finally {
      end(failure)
    }
  }

  #begin(): (failure?: unknown) => void {
    const span: Span = trace
      .getTracer(scope)
      .startSpan(this.#name, { kind: SpanKind.CLIENT, attributes: this.#attributes })
    const start = performance.now()
    return (failure) => {
      const code = failure === undefined ? undefined : asHoldfastError(failure, this.#name).code
      if (code !== undefined) span.setAttribute('error.type', code).setStatus({ code: SpanStatusCode.ERROR })
      // Made with the first call: meters have no late registration, and models are opened before servers.
      duration ??= metrics.getMeter(scope).createHistogram('gen_ai.client.operation.duration', {
        description: 'Duration of calls of models, of answers that come piece by piece until their end',
        unit: 's',
        advice: {
          explicitBucketBoundaries: [
            0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92,
          ],
        },
      })
      const seconds = (performance.now() - start) / 1000
      duration.record(seconds, code === undefined ? this.#attributes : { ...this.#attributes, 'error.type': code })
      span.end()
    }
  }
}
