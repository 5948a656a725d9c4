import { createHash } from 'node:crypto'

/** Whether two JSON texts say the same: members in any order, the last of those with the same name, and numbers by their value, all digits of
 *  them, not by what a double can hold. */
export function sameJson(a: string | undefined, b: string | undefined): boolean {
  if (a === undefined || b === undefined || a === b) return a === b
  return canonicalJson(a) === canonicalJson(b)
}

/** Sixteen bytes of the sha256 of a key with its value; the same for texts that say the same. */
export function sessionDigest(key: string, json: string): Buffer {
  const hash = createHash('sha256').update(JSON.stringify(key)).update('\n').update(canonicalJson(json))
  return hash.digest().subarray(0, 16)
}

/** Whether JavaScript gives the text back as JSONB has it, once it has parsed it: not `1.0`, nor what a double cannot hold. */
export function survivesParsing(text: string): boolean {
  const again = JSON.stringify(JSON.parse(text))
  return again === text || new Canonical(again, true).text() === new Canonical(text, true).text()
}

/** Whether JSONB has the same text for both. */
export function sameStoredJson(a: string, b: string): boolean {
  return a === b || new Canonical(a, true).text() === new Canonical(b, true).text()
}

export function canonicalJson(text: string): string {
  return new Canonical(text, false).text()
}

/** `keepsScale`: `1.0` is not `1`, as JSONB tells them apart. The text has been parsed by somebody, so that it is JSON. */
class Canonical {
  readonly #text: string
  readonly #keepsScale: boolean
  #at = 0

  constructor(text: string, keepsScale: boolean) {
    this.#text = text
    this.#keepsScale = keepsScale
  }

  text(): string {
    return this.#value()
  }

  #value(): string {
    switch (this.#next()) {
      case '{':
        return this.#object()
      case '[':
        return this.#array()
      case '"':
        return this.#string()
    }
    const start = this.#at
    while (this.#at < this.#text.length && !endsToken.has(this.#text.charAt(this.#at))) this.#at += 1
    const token = this.#text.slice(start, this.#at)
    return /^[-\d]/.test(token) ? numberText(token, this.#keepsScale) : token
  }

  #object(): string {
    const members = new Map<string, string>()
    this.#at += 1
    while (this.#next() !== '}') {
      const name = this.#string()
      this.#next()
      members.set(name, this.#value())
      this.#next()
    }
    this.#at += 1
    const names = [...members.keys()].toSorted()
    return `{${names.map((name) => `${name}:${members.get(name) ?? ''}`).join()}}`
  }

  #array(): string {
    const items: string[] = []
    this.#at += 1
    while (this.#next() !== ']') items.push(this.#value())
    this.#at += 1
    return `[${items.join()}]`
  }

  #string(): string {
    const start = this.#at
    do {
      this.#at += this.#text.charAt(this.#at) === '\\' ? 2 : 1
    } while (this.#text.charAt(this.#at) !== '"')
    this.#at += 1
    const token = this.#text.slice(start, this.#at)
    return token.includes('\\') ? JSON.stringify(JSON.parse(token)) : token
  }

  /** Passes over blanks, commas and colons. */
  #next(): string {
    for (;;) {
      const character = this.#text.charAt(this.#at)
      if (character !== ' ' && character !== ',' && character !== ':' && !/\s/.test(character)) return character
      this.#at += 1
    }
  }
}

const endsToken: ReadonlySet<string> = new Set(',]} \n\r\t')

/** All digits, as PostgreSQL's `numeric` writes them. */
function numberText(token: string, keepsScale: boolean): string {
  const [, sign = '', whole = '', fraction = '', exponent = '0'] =
    /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(token) ?? []
  const shift = Number(exponent)
  // Nobody writes out 10^131072, which is where `numeric` ends.
  if (Math.abs(shift) > 200_000) return token
  const digits = whole + fraction
  const point = whole.length + shift
  const before = (point <= 0 ? '0' : digits.slice(0, point).padEnd(point, '0')).replace(/^0+(?=\d)/, '')
  const after = point <= 0 ? '0'.repeat(-point) + digits : digits.slice(point)
  const kept = keepsScale ? after.slice(0, Math.max(0, fraction.length - shift)) : after.replace(/0+$/, '')
  const plain = kept === '' ? before : `${before}.${kept}`
  return /[1-9]/.test(plain) ? sign + plain : plain
}
