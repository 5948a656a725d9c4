/** A chat message of about 450 bytes as JSON. */
export interface Payload {
  readonly n: number
  readonly role: string
  readonly text: string
  readonly tags: readonly string[]
}

export function payload(n: number): Payload {
  return {
    n,
    role: 'user',
    text: `I want to make a restaurant reservation for 2 people at half past 11 in the morning, please. ${'x'.repeat(300)}`,
    tags: ['dialogue', 'restaurants', String(n % 100)],
  }
}

export const seededDocuments = 10_000

export function anySeededId(): string {
  return `doc-${Math.floor(Math.random() * seededDocuments)}`
}
