import type { ReplyStatus } from '@holdfast/session'

/** Told what happens while replies are made; must not throw. */
export interface ReplyHooks {
  /** The first piece of text is durable, so that readers have it. Milliseconds since the reply was asked for. */
  firstToken(ms: number): void
  /** A piece of text as the model gave it. */
  token(): void
  /** Text became durable, in one write. */
  flushed(characters: number): void
  /** `lost`: another process took the turn over, or the conversation was deleted. */
  ended(status: ReplyStatus | 'lost', ms: number): void
}

/** Where the engine reports what nobody waits for. A pino logger is one. */
export interface EngineLogger {
  info(facts: object, text: string): void
  warn(facts: object, text: string): void
  error(facts: object, text: string): void
}

export const silentLogger: EngineLogger = { info: ignore, warn: ignore, error: ignore }

function ignore(): void {
  // On purpose: nobody asked to be told.
}
