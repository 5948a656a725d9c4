import assert from 'node:assert/strict'
import { it } from 'node:test'
import type { JsonObject } from '../message.js'
import { type Stage, upTo } from './stage.js'

const parse = (text: string): JsonObject => JSON.parse(text) as JsonObject

export function stateTests(stage: Stage): void {
  it('starts empty at version 0', async () => {
    const { state, version } = await stage.store.state(await stage.conversation())
    assert.deepEqual([state, version], [{}, 0])
  })

  it('merges as RFC 7396 says', async () => {
    const { store } = stage
    const id = await stage.conversation()
    await store.patchState(
      id,
      parse('{"title":"Goodbye!","author":{"givenName":"John","familyName":"Doe"},"tags":["a","b"]}'),
    )
    const patch = parse(
      '{"title":"Hello!","phone":"1","author":{"familyName":null},"tags":["a"],"none":{"x":null,"y":1}}',
    )
    const { state, version } = await store.patchState(id, patch)
    const expected = '{"title":"Hello!","author":{"givenName":"John"},"tags":["a"],"phone":"1","none":{"y":1}}'
    assert.equal(JSON.stringify(state), expected)
    assert.equal(version, 2)
    assert.equal(JSON.stringify((await store.state(id)).state), expected)
  })

  it('treats __proto__ and constructor as data', async () => {
    const { store } = stage
    const id = await stage.conversation()
    await store.patchState(id, parse('{"__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":true}}}'))
    await store.patchState(id, parse('{"__proto__":{"more":1},"toString":{"a":null}}'))
    const { state } = await store.state(id)
    assert.equal(
      JSON.stringify(state),
      '{"__proto__":{"polluted":true,"more":1},"constructor":{"prototype":{"polluted":true}},"toString":{}}',
    )
    assert.equal(({} as { polluted?: boolean }).polluted, undefined)
    await store.patchState(id, parse('{"__proto__":null}'))
    assert(!Object.hasOwn((await store.state(id)).state, '__proto__'))
  })

  it('keeps NUL, lone surrogates and the order of members', async () => {
    const { store } = stage
    const id = await stage.conversation()
    const text = '{"z":"\\u0000","a":"\\ud800","k\\u0000":1.5,"m":[null,{"b":1,"a":2}]}'
    await store.replaceState(id, parse(text))
    assert.equal(JSON.stringify((await store.state(id)).state), JSON.stringify(parse(text)))
  })

  it('lets every one of many concurrent patches take effect, from several processes too', async () => {
    const id = await stage.conversation()
    const stores = [stage.store, await stage.open()]
    await Promise.all(upTo(20).map((n) => (stores[n % 2] ?? stage.store).patchState(id, { [`k${n}`]: n })))
    const { state, version } = await stage.store.state(id)
    assert.equal(version, 20)
    assert.deepEqual(state, Object.fromEntries(upTo(20).map((n) => [`k${n}`, n])))
  })

  it('writes only the version that the caller knows', async () => {
    const { store } = stage
    const id = await stage.conversation()
    assert.equal((await store.patchState(id, { a: 1 }, { ifVersion: 0 })).version, 1)
    await assert.rejects(store.patchState(id, { a: 2 }, { ifVersion: 0 }), { code: 'ABORTED' })
    assert.equal((await store.replaceState(id, { b: 1 }, { ifVersion: 1 })).version, 2)
    assert.deepEqual((await store.state(id)).state, { b: 1 })
    const tries = await Promise.allSettled(upTo(8).map((n) => store.patchState(id, { n }, { ifVersion: 2 })))
    assert.equal(tries.filter(({ status }) => status === 'fulfilled').length, 1)
  })

  it('refuses what is no JSON object, too deep or too large, and changes nothing', async () => {
    const { store } = stage
    const id = await stage.conversation()
    const deep = (depth: number): JsonObject => parse(`{"a":${'['.repeat(depth)}${']'.repeat(depth)}}`)
    const bad = [null, [], 'x', 7, { a: NaN }, { a: undefined }, { a: 1n }, { a: new Date() }, deep(100), deep(10_000)]
    for (const patch of bad) {
      await assert.rejects(store.patchState(id, patch as JsonObject), { code: 'INVALID_ARGUMENT' })
      await assert.rejects(store.replaceState(id, patch as JsonObject), { code: 'INVALID_ARGUMENT' })
    }
    await store.patchState(id, deep(99))
    await store.patchState(id, { text: 'x'.repeat(600_000) })
    await assert.rejects(store.patchState(id, { more: 'x'.repeat(600_000) }), { code: 'RESOURCE_EXHAUSTED' })
    assert.equal((await store.state(id)).version, 2)
  })
}
