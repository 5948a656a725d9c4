import { invalidField } from '@holdfast/errors'

/** What is to be said, in order. */
export type Utterance =
  | { readonly type: 'text'; readonly text: string; readonly rate: number }
  | { readonly type: 'pause'; readonly ms: number }

const maxPauseMs = 10_000
const paragraphPauseMs = 600
const sentencePauseMs = 200
const strengths: Readonly<Record<string, number>> = {
  none: 0,
  'x-weak': 100,
  weak: 200,
  medium: 400,
  strong: 700,
  'x-strong': 1_200,
}
const rates: Readonly<Record<string, number>> = {
  'x-slow': 0.5,
  slow: 0.75,
  medium: 1,
  default: 1,
  fast: 1.25,
  'x-fast': 1.6,
}
const entities: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" }
const known = ['speak', 'p', 's', 'break', 'prosody', 'say-as', 'sub']

interface Open {
  readonly name: string
  readonly rate: number
  /** What is said of the text in it. */
  readonly says: ((text: string) => string) | undefined
}

/** Reads the part of https://www.w3.org/TR/speech-synthesis11 that is understood here.
 *  @throws INVALID_ARGUMENT that names `ssml`, what is wrong, and where */
export function parseSsml(ssml: string): Utterance[] {
  const utterances: Utterance[] = []
  const open: Open[] = []
  let isOver = false

  const addText = (text: string, at: number) => {
    const inner = open.at(-1)
    if (inner === undefined) {
      if (text.trim() !== '') throw wrong('has text outside of <speak>', at)
      return
    }
    const said = decoded(text, at)
    const says = open.findLast(({ says }) => says !== undefined)?.says
    addWords(says === undefined ? said : says(said))
  }
  const addWords = (words: string) => {
    const rate = open.at(-1)?.rate ?? 1
    const last = utterances.at(-1)
    if (last?.type === 'text' && last.rate === rate) {
      utterances[utterances.length - 1] = { ...last, text: last.text + words }
    } else if (words.trim() !== '') utterances.push({ type: 'text', text: words, rate })
  }
  const addPause = (ms: number) => {
    const last = utterances.at(-1)
    if (ms > 0 && last !== undefined) utterances.push({ type: 'pause', ms })
  }

  const markup =
    /<!--[^]*?-->|<\?[^]*?\?>|<!\[CDATA\[([^]*?)\]\]>|<(\/?)([A-Za-z][\w:-]*)((?:\s+[\w:-]+\s*=\s*(?:"[^"<]*"|'[^'<]*'))*)\s*(\/?)>/g
  let from = 0
  for (const found of ssml.matchAll(markup)) {
    const { index: at } = found
    const [all, data, closing, name, attributes = '', empty] = found
    addText(ssml.slice(from, at), from)
    from = at + all.length
    if (data !== undefined) addText(data.replaceAll('&', '&amp;').replaceAll('<', '&lt;'), at)
    if (name === undefined) continue
    if (!known.includes(name)) {
      throw wrong(`has the element <${name}>, which is not understood: known are ${known.join(', ')}`, at)
    }
    if (isOver) throw wrong(`goes on with <${name}> behind </speak>`, at)
    if ((name === 'speak') !== (open.length === 0) && closing === '') {
      throw wrong(name === 'speak' ? 'has a <speak> within another' : 'does not begin with <speak>', at)
    }
    if (closing === '') {
      const element = opened(name, attributesOf(attributes, at), open.at(-1)?.rate ?? 1, at, addPause, addWords)
      open.push(element)
    }
    if (closing !== '' || empty !== '') {
      const last = open.pop()
      if (last?.name !== name)
        throw wrong(`closes <${name}>, but ${last === undefined ? 'nothing' : `<${last.name}>`} is open`, at)
      if (name === 'p') addPause(paragraphPauseMs)
      if (name === 's') addPause(sentencePauseMs)
      isOver = open.length === 0
    }
  }
  addText(ssml.slice(from), from)
  const last = open.at(-1)
  if (last !== undefined) throw wrong(`does not close <${last.name}>`, ssml.length)
  if (!isOver) throw wrong('does not begin with <speak>', 0)
  return utterances
}

function opened(
  name: string,
  attributes: ReadonlyMap<string, string>,
  rate: number,
  at: number,
  addPause: (ms: number) => void,
  addWords: (words: string) => void,
): Open {
  const plain: Open = { name, rate, says: undefined }
  switch (name) {
    case 'break':
      addPause(pauseOf(attributes, at))
      return plain
    case 'prosody':
      return { ...plain, rate: rate * rateOf(attributes.get('rate') ?? 'medium', at) }
    case 'sub': {
      const alias = attributes.get('alias')
      if (alias === undefined) throw wrong('has a <sub> without its alias', at)
      addWords(` ${alias} `)
      return { ...plain, says: () => '' }
    }
    case 'say-as':
      return { ...plain, says: sayAs(attributes.get('interpret-as') ?? '', at) }
    default:
      return plain
  }
}

function pauseOf(attributes: ReadonlyMap<string, string>, at: number): number {
  const time = attributes.get('time')
  if (time === undefined) {
    const strength = attributes.get('strength') ?? 'medium'
    const ms = strengths[strength]
    if (ms === undefined)
      throw wrong(`has a <break> of the strength ${strength}: ${Object.keys(strengths).join(', ')}`, at)
    return ms
  }
  const [, digits, unit] = /^\+?(\d+(?:\.\d+)?|\.\d+)(m?s)$/.exec(time.trim()) ?? []
  const ms = Number(digits) * (unit === 's' ? 1_000 : 1)
  if (!(ms <= maxPauseMs)) throw wrong(`has a <break> of ${time}: up to 10s or 10000ms`, at)
  return Math.round(ms)
}

function rateOf(text: string, at: number): number {
  const [, digits] = /^\+?(\d+(?:\.\d+)?)%$/.exec(text) ?? []
  const rate = rates[text] ?? (digits === undefined ? Number(text) : Number(digits) / 100)
  if (!(rate >= 0.25 && rate <= 4)) {
    throw wrong(`has a <prosody> with the rate ${text}: ${Object.keys(rates).join(', ')}, or 50% to 200%`, at)
  }
  return rate
}

function sayAs(how: string, at: number): (text: string) => string {
  switch (how) {
    case 'characters':
    case 'spell-out':
    case 'verbatim':
      return (text) => ` ${text.replaceAll(/\s+/g, '').split('').join(' ').toUpperCase()} `
    case 'digits':
    case 'telephone':
      return (text) => ` ${text.replaceAll(/\D+/g, ' ').replaceAll(/(?<=\d)(?=\d)/g, ' ')} `
    case 'ordinal':
      return (text) =>
        text.replaceAll(/\d+/g, (digits) =>
          `${digits}th`
            .replace(/(?<!1)(?:1th)$/, '1st')
            .replace(/(?<!1)2th$/, '2nd')
            .replace(/(?<!1)3th$/, '3rd'),
        )
    // Numbers, dates, times and sums are told by how they are written.
    case 'cardinal':
    case 'number':
    case 'date':
    case 'time':
    case 'currency':
    case 'unit':
    case 'fraction':
      return (text) => text
    default:
      throw wrong(
        `has a <say-as> that interprets as "${how}": characters, digits, telephone, ordinal, cardinal, date, time, currency`,
        at,
      )
  }
}

function attributesOf(text: string, at: number): Map<string, string> {
  const found = text.matchAll(/([\w:-]+)\s*=\s*(?:"([^"]*)"|'([^']*)')/g)
  return new Map([...found].map(([, name = '', one, other]) => [name, decoded(one ?? other ?? '', at)]))
}

function decoded(text: string, at: number): string {
  const open = text.indexOf('<')
  if (open !== -1) throw wrong('has a < that begins no element: write &lt;', at + open)
  return text.replaceAll(/&(#x[\dA-Fa-f]{1,6}|#\d{1,7}|\w+)?;?/g, (all, name: string | undefined) => {
    if (name !== undefined && all.endsWith(';')) {
      if (name in entities) return entities[name] ?? ''
      const code = name.startsWith('#x') ? Number.parseInt(name.slice(2), 16) : Number(name.slice(1))
      if (name.startsWith('#') && code > 0 && code <= 0x10ffff) return String.fromCodePoint(code)
    }
    throw wrong(`has ${all}, which is no known entity: write &amp; for &`, at)
  })
}

function wrong(description: string, at: number): Error {
  return invalidField('ssml', `${description} (at character ${at + 1})`, { reason: 'SSML_INVALID' })
}
