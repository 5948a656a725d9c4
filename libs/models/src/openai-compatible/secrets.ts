import type { Settings } from './options.js'

// What an endpoint says may repeat the request; more of it than this helps nobody and may hold a whole conversation.
const maxLength = 500

/** Takes the key and the configured header values out of what an endpoint said, before it can get into an error or a log. */
export type Redact = (text: string) => string

export function redactor(settings: Pick<Settings, 'apiKey' | 'headers'>): Redact {
  const secrets = [
    settings.apiKey ?? '',
    ...Object.values(settings.headers).flatMap((value) => [value, lastWord(value)]),
  ]
    // A short value such as `1` is no secret, and to cut it out would spoil the text.
    .filter((secret) => secret.length >= 6)
    // The longest first, so that no tail of one is left over when another is its beginning.
    .sort((a, b) => b.length - a.length)
  return (text) => {
    const clean = secrets.reduce((rest, secret) => rest.replaceAll(secret, '***'), text)
    return clean.length <= maxLength ? clean : `${clean.slice(0, maxLength)}…`
  }
}

/** The token in `Bearer token`. */
function lastWord(value: string): string {
  return value.slice(value.lastIndexOf(' ') + 1)
}
