/** The members of a session, each as JSON text. */
export type Members = ReadonlyMap<string, string>

/** `cookie` belongs to the request that writes: it is not part of what requests contend for. */
export function membersOf(session: object): Members {
  const members = new Map<string, string>()
  for (const [name, value] of Object.entries(session)) {
    const json = JSON.stringify(value) as string | undefined
    if (json !== undefined && name !== 'cookie') members.set(name, json)
  }
  return members
}

/** What a request changed of `base`, done to `theirs`: a member that both changed is as `mine` has it. */
export function mergeMembers(base: Members, mine: Members, theirs: Members): Members {
  const merged = new Map(theirs)
  for (const name of new Set([...base.keys(), ...mine.keys()])) {
    const value = mine.get(name)
    if (value === base.get(name)) continue
    if (value === undefined) merged.delete(name)
    else merged.set(name, value)
  }
  return merged
}

export function sameMembers(one: Members, other: Members): boolean {
  return one.size === other.size && [...one].every(([name, value]) => other.get(name) === value)
}
