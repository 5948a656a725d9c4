/** JSONB refuses two things that JavaScript's strings hold and that language models emit: NUL and surrogates without a
 *  partner. They are stored as U+FDD0, a code point that Unicode reserves for a program's own use, followed by what it
 *  stands for. The mapping is on JSON text, for keys and values alike, and one to one:
 *
 *  | in JSON       | in JSONB          |
 *  |---------------|-------------------|
 *  | `\u0000`      | U+FDD0 `0`        |
 *  | lone `\udXXX` | U+FDD0 `dXXX`     |
 *  | U+FDD0        | U+FDD0 U+FDD0     | */
const introducer = '\ufdd0'

// With the u flag a surrogate in a class matches only one that has no partner.
const suspicious = /\\u(?:0000|[dD][89a-fA-F]|[fF][dD][dD]0)|[\ufdd0\ud800-\udfff]/u

// Any escape is taken whole, so that in `\\u0000` the second backslash is not mistaken for the start of one.
const tokens =
  /(?:\\u([dD][89abAB][\da-fA-F]{2})|([\ud800-\udbff]))(?:\\u([dD][c-fC-F][\da-fA-F]{2})|([\udc00-\udfff]))|\\u([\da-fA-F]{4})|\\[^u]|[\ufdd0\ud800-\udfff]/g

/** Text that JSONB accepts, for any JSON text that JavaScript accepts. */
export function escapeForJsonb(json: string): string {
  return suspicious.test(json) ? json.replace(tokens, escapeToken) : json
}

function escapeToken(
  token: string,
  escapedHigh: string | undefined,
  rawHigh: string | undefined,
  escapedLow: string | undefined,
  rawLow: string | undefined,
  escaped: string | undefined,
): string {
  const high = escapedHigh === undefined ? rawHigh : String.fromCharCode(parseInt(escapedHigh, 16))
  const low = escapedLow === undefined ? rawLow : String.fromCharCode(parseInt(escapedLow, 16))
  if (high !== undefined && low !== undefined) return high + low
  if (escaped !== undefined) return escapeUnit(parseInt(escaped, 16)) ?? token
  return token.startsWith('\\') ? token : (escapeUnit(token.charCodeAt(0)) ?? token)
}

function escapeUnit(unit: number): string | undefined {
  if (unit === 0) return `${introducer}0`
  if (unit === 0xfdd0) return introducer + introducer
  if (unit >= 0xd800 && unit <= 0xdfff) return introducer + unit.toString(16)
  return undefined
}

/** The JSON text that `escapeForJsonb` was given, up to the notation: what it parses to is the same. */
export function unescapeFromJsonb(text: string): string {
  if (!text.includes(introducer)) return text
  return text.replace(/\ufdd0(\ufdd0|0|d[89a-f][\da-f]{2})/g, (_, code: string) => {
    if (code === introducer) return introducer
    return code === '0' ? '\\u0000' : `\\u${code}`
  })
}

/** The same for a string that stands by itself: a parameter that is compared with text taken out of JSONB. */
export function escapeText(text: string): string {
  return /[\0\ufdd0\ud800-\udfff]/u.test(text) ? (JSON.parse(escapeForJsonb(JSON.stringify(text))) as string) : text
}
