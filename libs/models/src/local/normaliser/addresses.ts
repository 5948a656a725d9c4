/** E-mail addresses and addresses of the web, as people dictate them. */
export function addresses(text: string): string {
  return text
    .replaceAll(/\b[\w.+-]+@[\w-]+(?:\.[\w-]+)+\b/g, (all) => dictated(all))
    .replaceAll(/\b(?:https?|ftp):\/\/[^\s"<>]+|\bwww\.[^\s"<>]+/gi, (all) => {
      const [, address = '', end = ''] = /^(.*?)([.,;:!?)]*)$/.exec(all) ?? []
      return dictated(address.replace(/^\w+:\/\//, '').replace(/\/$/, '')) + end
    })
    .replaceAll(/\b[a-z\d-]+(?:\.[a-z\d-]+)*\.(?:com|org|net|io|dev|edu|gov|ai|co\.uk)(?:\/[\w\-./]*\w)?\b/gi, (all) =>
      dictated(all),
    )
}

const marks: Readonly<Record<string, string>> = {
  '.': 'dot',
  '@': 'at',
  '/': 'slash',
  '-': 'dash',
  _: 'underscore',
  '+': 'plus',
  '?': 'question mark',
  '=': 'equals',
  '&': 'and',
  '#': 'hash',
  ':': 'colon',
  '%': 'percent',
  '~': 'tilde',
}

function dictated(address: string): string {
  const words = address
    .replace(/^www\./i, 'w w w.')
    .replaceAll(/[^A-Za-z\d\s]/g, (mark) => ` ${marks[mark] ?? ''} `)
    // Letters and digits apart.
    .replaceAll(/(?<=[A-Za-z])(?=\d)|(?<=\d)(?=[A-Za-z])/g, ' ')
    .trim()
  return words.replaceAll(/\b(?:io|ai|uk)\b/g, (letters) => letters.split('').join(' '))
}
