type Random = () => number

/** JSON, and what is nearly JSON, as no client would write it: names that objects have by nature, numbers beyond a double, halves of characters,
 *  the same name twice, texts that end too early, and 20,000 brackets within each other, which is more than a recursion bears. */
export function hostileJson(random: Random): string {
  const text = random() < 0.03 ? nested(random) : value(random, 4)
  return random() < 0.1 ? text.slice(0, Math.floor(random() * text.length)) : text
}

const names = ['a', '', '__proto__', 'constructor', 'toString', '$set', '$where', 'a.b', '0', 'nodes', 'id', '\\u0000']
const numbers = ['0', '-0', '1e400', '-1e-400', '9007199254740993', '1'.repeat(400), '0.1', '01', 'NaN', '2e308']
const texts = ['""', '"fuzz"', '"\\ud800"', '"\\u0000"', '"\\x"', `"${'x'.repeat(2000)}"`, '"1970-01-01T00:00:00Z"']
const words = ['null', 'true', 'false', 'undefined', '', ',', '{', ']']

function value(random: Random, depth: number): string {
  const kind = random()
  const some = <T>(make: () => T): T[] => Array.from({ length: Math.floor(random() * 4) }, make)
  if (depth > 0 && kind < 0.4) {
    return `{${some(() => `"${one(names, random)}":${value(random, depth - 1)}`).join(',')}}`
  }
  if (depth > 0 && kind < 0.6) return `[${some(() => value(random, depth - 1)).join(',')}]`
  if (kind < 0.75) return one(numbers, random)
  return kind < 0.95 ? one(texts, random) : one(words, random)
}

function nested(random: Random): string {
  const [open, close] = random() < 0.5 ? ['[', ']'] : ['{"a":', '}']
  const depth = 20_000
  return `${open.repeat(depth)}1${close.repeat(depth)}`
}

function one<T>(list: readonly T[], random: Random): T {
  return list[Math.floor(random() * list.length)] as T
}
