import assert from 'node:assert/strict'
import { type SessionStage, unique } from './stage.js'

export function keyTests(stage: SessionStage): void {
  stage.it('lists the keys that match a pattern, in their order, as the database has them', async () => {
    const { store } = stage
    const p = unique('list')
    const names = ['2:state', '10:state', '10:metadata', 'ü:state', 'a[b', 'a*b', 'axb', 'gone']
    await store.writeMany(names.map((name) => ({ key: `${p}:${name}`, value: 1 })))
    await store.delete(`${p}:gone`)
    const listed = async (pattern: string) =>
      (await store.listKeys(`${p}:${pattern}`)).map((key) => key.slice(p.length + 1))
    assert.deepEqual(await listed('*:state'), ['10:state', '2:state', 'ü:state'])
    assert.deepEqual(await listed('10:*'), ['10:metadata', '10:state'])
    assert.deepEqual(await listed('?:state'), ['2:state', 'ü:state'])
    assert.deepEqual(await listed('[0-3]:state'), ['2:state'])
    assert.deepEqual(await listed('[^0-3]:state'), ['ü:state'])
    assert.deepEqual(await listed('a\\*b'), ['a*b'])
    assert.deepEqual(await listed('a[*[]b'), ['a*b', 'a[b'])
    assert.deepEqual(await listed('axb'), ['axb'])
    assert.deepEqual(await listed('nothing'), [])
    assert.equal((await store.listKeys()).filter((key) => key.startsWith(p)).length, 7)
  })

  stage.it('lists more keys than fit into one page, also of a prefix', async () => {
    const { store } = stage
    const p = unique('page')
    const keys = Array.from({ length: 2_100 }, (_, n) => `${p}:${String(n).padStart(5, '0')}`)
    await store.writeMany(keys.map((key) => ({ key, value: null })))
    await store.write(`${p}-behind`, 1)
    assert.deepEqual(await store.listKeys(`${p}:*`), keys)
    assert.equal((await store.listKeys(`${p}:*7`)).length, 210)
  })
}
