/** The texts of the elements of a JSON array, as `JSON.stringify` writes it: without white space between tokens. */
export function splitArray(json: string): string[] {
  const elements: string[] = []
  let depth = 0
  let start = 1
  for (let at = 1; at < json.length - 1; at += 1) {
    switch (json.charCodeAt(at)) {
      case 0x22:
        at = endOfString(json, at)
        break
      case 0x5b:
      case 0x7b:
        depth += 1
        break
      case 0x5d:
      case 0x7d:
        depth -= 1
        break
      case 0x2c:
        if (depth > 0) break
        elements.push(json.slice(start, at))
        start = at + 1
        break
    }
  }
  if (json.length > 2) elements.push(json.slice(start, -1))
  return elements
}

/** Where the string that begins at `start` has its closing quote. */
function endOfString(json: string, start: number): number {
  for (let at = json.indexOf('"', start + 1); at !== -1; at = json.indexOf('"', at + 1)) {
    let backslashes = 0
    while (json.charCodeAt(at - 1 - backslashes) === 0x5c) backslashes += 1
    if (backslashes % 2 === 0) return at
  }
  return json.length
}
