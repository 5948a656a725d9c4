/** Codes of the languages that Whisper knows: https://github.com/openai/whisper/blob/main/whisper/tokenizer.py */
const codes =
  'en zh de es ru ko fr ja pt tr pl ca nl ar sv it id hi fi vi he uk el ms cs ro da hu ta no th ur hr bg lt la mi ml cy sk te fa lv bn sr az sl kn ' +
  'et mk br eu is hy ne mn bs kk sq sw gl mr pa si km sn yo so af oc ka be tg sd gu am yi lo uz fo ht ps tk nn mt sa lb my bo tl mg as tt haw ln ha ba jv su yue'

const names = new Intl.DisplayNames('en', { type: 'language' })

/** What Whisper calls otherwise than Unicode does. */
const others: ReadonlyMap<string, string> = new Map([
  ['haitian creole', 'ht'],
  ['myanmar', 'my'],
  ['nynorsk', 'nn'],
  ['tagalog', 'tl'],
])

const byName: ReadonlyMap<string, string> = new Map([
  ...codes.split(' ').map((code): [string, string] => [(names.of(code) ?? code).toLowerCase(), code]),
  ...others,
])

/** BCP 47 for what an endpoint calls a language: `english`, `en`. */
export function languageTag(name: string | undefined): string | undefined {
  if (name === undefined || name === '') return undefined
  const known = byName.get(name.toLowerCase())
  if (known !== undefined) return known
  try {
    return Intl.getCanonicalLocales(name)[0]
  } catch {
    return undefined
  }
}
