import { writeFileSync } from 'node:fs'
import { graphJsonSchema } from './json-schema.js'

writeFileSync(
  new URL('../../schema/graph.schema.json', import.meta.url),
  `${JSON.stringify(graphJsonSchema(), undefined, 2)}\n`,
)
