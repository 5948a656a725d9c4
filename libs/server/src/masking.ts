const mask = '***'

/** Hides the passwords of a URL: the one before `@` and those in its query. Text without them stays as it is. */
export function maskUrl(url: string): string {
  return url
    .replace(/^([a-z][a-z0-9+.-]*:\/\/[^/?#:@]*:)[^/?#]*@/i, `$1${mask}@`)
    .replace(/([?&](?:password|sslpassword|pass|token|api_?key|key)=)[^&#]*/gi, `$1${mask}`)
}

/** The parts of a URL that must not be printed, as they stand in it and decoded. */
export function secretsOfUrl(url: string): string[] {
  const found = [
    /^[a-z][a-z0-9+.-]*:\/\/[^/?#:@]*:([^/?#]*)@/i.exec(url)?.[1],
    ...[...url.matchAll(/[?&](?:password|sslpassword|pass|token|api_?key|key)=([^&#]*)/gi)].map((match) => match[1]),
  ].filter((secret) => secret !== undefined)
  return [...found, ...found.map(decoded)]
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

export function maskValue(value: unknown, secret: 'value' | 'url' | undefined): unknown {
  if (Array.isArray(value)) return value.map((one) => maskValue(one, secret))
  if (secret === undefined || typeof value !== 'string') return value
  return secret === 'value' ? mask : maskUrl(value)
}

/** Replaces every occurrence of the secrets in a text, also as they look within JSON. Secrets below four characters would
 *  blot out ordinary text and are left. */
export function secretRemover(secrets: readonly string[]): (text: string) => string {
  const long = secrets.filter((secret) => secret.length >= 4)
  const forms = [...new Set(long.flatMap((secret) => [secret, JSON.stringify(secret).slice(1, -1)]))]
  // The longest first: one secret may be part of another.
  forms.sort((a, b) => b.length - a.length)
  return (text) => forms.reduce((rest, form) => rest.replaceAll(form, mask), text)
}

const credentials = /hf[ko]_[\w.-]+|eyJ[\w-]+\.eyJ[\w-]+\.[\w-]*/g

/** Replaces what has the form of a credential of callers, whoever wrote it where: nobody knows them beforehand. */
export function credentialRemover(text: string): string {
  return text.includes('hfk_') || text.includes('hfo_') || text.includes('eyJ') ? text.replace(credentials, mask) : text
}
