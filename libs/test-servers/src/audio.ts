import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)
const folder = '/usr/share/pocketsphinx/test/data'

/** Why tests with ffmpeg have to be skipped on this machine; `undefined`: they need not. */
export async function whyNoFfmpeg(): Promise<string | undefined> {
  try {
    await run('ffmpeg', ['-version'])
    return undefined
  } catch {
    return 'ffmpeg is not installed: apt-get install ffmpeg (npm test does it when it runs as root on Debian)'
  }
}

/** Why tests with recordings of real people have to be skipped; `undefined`: they need not. */
export function whyNoRecordings(): string | undefined {
  if (existsSync(folder)) return undefined
  return 'There are no recordings: apt-get install pocketsphinx-testdata (npm test does it when it runs as root on Debian)'
}

/** A person who says what `text` says. */
export interface Recording {
  readonly name: string
  /** A WAV file, 16 kHz, 16 bits, mono. */
  readonly wav: Uint8Array
  /** In lower case, without punctuation. */
  readonly text: string
}

/** Of Debian's pocketsphinx-testdata: five sentences from a LibriVox novel, and five hands of cards. */
export async function recordings(group: 'librivox' | 'cards'): Promise<readonly Recording[]> {
  const file = group === 'cards' ? 'cards/cards.transcription' : 'librivox/transcription'
  const lines = (await readFile(join(folder, file), 'utf8')).trim().split('\n')
  return Promise.all(
    lines.map(async (line) => {
      const found = /^<s>(.*)<\/s> \((.*)\)$/.exec(line.trim())
      const [, text = '', name = ''] = found ?? []
      return { name, text: text.trim(), wav: await readFile(join(folder, group, `${name}.wav`)) }
    }),
  )
}
