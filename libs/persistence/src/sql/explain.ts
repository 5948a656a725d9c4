/** What the server says it would do, without the values that its conditions hold: names and numbers of the plan stay, and in
 *  everything else constants become `?`. */
export function withoutValues(plan: unknown, key = ''): unknown {
  if (Array.isArray(plan)) return plan.map((item: unknown) => withoutValues(item, key))
  if (typeof plan === 'object' && plan !== null) {
    return Object.fromEntries(Object.entries(plan).map(([name, value]) => [name, withoutValues(value, name)]))
  }
  if (typeof plan !== 'string' || names.has(key)) return plan
  return plan.replaceAll(/E?'(?:[^']|'')*'/g, '?').replaceAll(/(?<![\w$?"])-?\d+(?:\.\d+)?(?:e[+-]?\d+)?/gi, '?')
}

/** https://github.com/postgres/postgres/blob/REL_18_STABLE/src/backend/commands/explain.c */
const names: ReadonlySet<string> = new Set([
  'Node Type',
  'Strategy',
  'Partial Mode',
  'Parent Relationship',
  'Subplan Name',
  'Join Type',
  'Scan Direction',
  'Index Name',
  'Relation Name',
  'Schema',
  'Alias',
  'Function Name',
  'Operation',
])
