import { join } from 'node:path'
import { startVitest } from 'vitest/node'

/** LangGraph's own suite is written for vitest. Prints what became of its tests, as one line of JSON. */
const cacheDir = process.argv[2] ?? ''
const file = join(import.meta.dirname, 'validation.vitest.test.support.js')
const vitest = await startVitest(
  'test',
  [],
  { globals: true, watch: false, include: [file], root: import.meta.dirname, config: false, reporters: [{}] },
  { cacheDir },
)
const tests = vitest.state.getTestModules().flatMap((module) => [...module.children.allTests()])
const outcomes = tests.map((test) => {
  const { state, errors = [] } = test.result()
  return { name: test.fullName, state, errors: errors.map(({ message }) => message) }
})
const unhandled = vitest.state.getUnhandledErrors().map(String)
const broken = vitest.state.getTestModules().flatMap((module) => module.errors().map(({ message }) => message))
await vitest.close()
console.log(JSON.stringify({ outcomes, broken: [...unhandled, ...broken] }))
