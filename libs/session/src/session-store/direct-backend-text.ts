/** What goes into the legacy table and the legacy Redis for a value. */
export interface LegacyText {
  /** JSON text as the old service would have written it. */
  readonly text: string
  /** The value's own text, where `text` cannot hold it: JSONB refuses NUL and lone surrogates, which the old service could not store either. */
  readonly exact: string | undefined
}

/** Keys whose numbers the old service wrote as floats, and which these are. */
const floats: readonly { readonly key: RegExp; readonly field: string; readonly within: string | undefined }[] = [
  { key: /^session:.+:metadata$/s, field: 'created_at', within: undefined },
  { key: /^session:.+:context$/s, field: 'timestamp', within: 'messages' },
]

/** @param json as `JSON.stringify` writes it, where only a surrogate without its partner is an escape */
export function legacyText(key: string, json: string): LegacyText {
  const text = refused.test(json) ? json.replace(escapes, replaceRefused) : json
  const exact = text === json ? undefined : json
  const float = floats.find((one) => one.key.test(key))
  return { text: float === undefined ? text : withFloats(text, float.field, float.within), exact }
}

const refused = /\\u(?:0000|d[89a-f])/
// Any escape is taken whole, so that in `\\u0000` the second backslash is not mistaken for the start of one.
const escapes = /\\(?:u(0000|d[89a-f][\da-f]{2})|[^])/g

function replaceRefused(escape: string, code: string | undefined): string {
  return code === undefined ? escape : '\ufffd'
}

/** `1712345678` becomes `1712345678.0` where the old service held a float: it would read an integer as another type. */
function withFloats(text: string, field: string, within: string | undefined): string {
  if (!text.includes(`"${field}":`)) return text
  const value: unknown = JSON.parse(text)
  if (!isObject(value)) return text
  const list = within === undefined ? undefined : value[within]
  if (within === undefined) return objectText(value, field)
  if (!Array.isArray(list)) return text
  const items = (list as unknown[]).map((item) => (isObject(item) ? objectText(item, field) : JSON.stringify(item)))
  const members = Object.entries(value).map(
    ([name, member]) => `${JSON.stringify(name)}:${name === within ? `[${items.join()}]` : JSON.stringify(member)}`,
  )
  return `{${members.join()}}`
}

function objectText(value: Readonly<Record<string, unknown>>, field: string): string {
  const members = Object.entries(value).map(
    ([name, member]) => `${JSON.stringify(name)}:${name === field ? floatText(member) : JSON.stringify(member)}`,
  )
  return `{${members.join()}}`
}

/** From 10^16 on, floats are written with an exponent, which JSONB turns into digits without a point. */
function floatText(value: unknown): string {
  const isWhole = typeof value === 'number' && Number.isInteger(value) && Math.abs(value) < 1e16
  return isWhole ? `${value}.0` : JSON.stringify(value)
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
