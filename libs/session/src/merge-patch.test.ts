import assert from 'node:assert/strict'
import { it } from 'node:test'
import { mergePatch } from './merge-patch.js'
import type { JsonObject, JsonValue } from './message.js'

// The cases of RFC 7396, appendix A, whose patch is an object: https://www.rfc-editor.org/rfc/rfc7396#appendix-A
const cases: readonly (readonly [target: string, patch: string, result: string])[] = [
  ['{"a":"b"}', '{"a":"c"}', '{"a":"c"}'],
  ['{"a":"b"}', '{"b":"c"}', '{"a":"b","b":"c"}'],
  ['{"a":"b"}', '{"a":null}', '{}'],
  ['{"a":"b","b":"c"}', '{"a":null}', '{"b":"c"}'],
  ['{"a":["b"]}', '{"a":"c"}', '{"a":"c"}'],
  ['{"a":"c"}', '{"a":["b"]}', '{"a":["b"]}'],
  ['{"a":{"b":"c"}}', '{"a":{"b":"d","c":null}}', '{"a":{"b":"d"}}'],
  ['{"a":[{"b":"c"}]}', '{"a":[1]}', '{"a":[1]}'],
  ['{"e":null}', '{"a":1}', '{"e":null,"a":1}'],
  ['[1,2]', '{"a":"b","c":null}', '{"a":"b"}'],
  ['{}', '{"a":{"bb":{"ccc":null}}}', '{"a":{"bb":{}}}'],
]

for (const [target, patch, result] of cases) {
  it(`merges ${patch} into ${target}`, () => {
    const merged = mergePatch(JSON.parse(target) as JsonValue, JSON.parse(patch) as JsonObject)
    assert.equal(JSON.stringify(merged), result)
  })
}
