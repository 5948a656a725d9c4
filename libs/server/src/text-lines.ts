import type { DestinationStream } from 'pino'

const colours: Readonly<Record<string, string>> = { warn: '\u001b[33m', error: '\u001b[31m', fatal: '\u001b[31m' }
const faint = '\u001b[2m'
const plain = '\u001b[0m'

/** Turns the logger's JSON lines into lines for people: time, level, message, then the rest as key=value. */
export function textLines(out: DestinationStream): DestinationStream {
  return { write: (line) => out.write(asText(line)) }
}

function asText(json: string): string {
  let entry: Record<string, unknown>
  try {
    entry = JSON.parse(json) as Record<string, unknown>
  } catch {
    return json
  }
  const { time, level, msg, err, ...rest } = entry
  const clock = new Date(typeof time === 'string' ? time : Number.NaN).toTimeString().slice(0, 8)
  const colour = colours[String(level)]
  const name = String(level).toUpperCase().padEnd(5)
  const facts = Object.entries(rest).map(
    ([key, value]) => `${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`,
  )
  const parts = [
    `${faint}${clock}${plain}`,
    colour ? `${colour}${name}${plain}` : name,
    oneLine(typeof msg === 'string' ? msg : ''),
  ]
  if (facts.length > 0) parts.push(`${faint}${oneLine(facts.join(' '))}${plain}`)
  return `${parts.join(' ')}\n${stackOf(err)}`
}

function stackOf(err: unknown): string {
  if (typeof err !== 'object' || err === null || !('stack' in err)) return ''
  return `${String(err.stack)
    .split('\n')
    .map((line) => `    ${withoutControls(line)}`)
    .join('\n')}\n`
}

function oneLine(text: string): string {
  return withoutControls(text.replaceAll('\n', ' '))
}

/** What users write must not steer the operator's terminal. */
function withoutControls(text: string): string {
  // oxlint-disable-next-line no-control-regex
  return text.replace(/[\u0000-\u001f\u007f-\u009f]/g, '\ufffd')
}
