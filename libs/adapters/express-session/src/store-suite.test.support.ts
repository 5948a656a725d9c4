import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import type { DocumentStore } from '@holdfast/persistence'
import { type SessionStore, openSessionStore } from '@holdfast/session'
import session, { type SessionData } from 'express-session'
import { HoldfastStore, type HoldfastStoreOptions } from './holdfast-store.js'
import { openShop } from './shop.test.support.js'

export function describeHoldfastStore(
  name: string,
  start: () => Promise<{ readonly documents: DocumentStore; readonly stop: () => Promise<void> }>,
): void {
  describe(name, () => {
    let stage: Awaited<ReturnType<typeof start>>
    let sessions: SessionStore
    let count = 0

    before(async () => {
      stage = await start()
      sessions = await openSessionStore({ store: stage.documents })
    })
    after(async () => {
      await sessions.close()
      await stage.stop()
    })
    /** Each test with keys of its own. */
    const storeOf = (options: Partial<HoldfastStoreOptions> = {}): HoldfastStore & { readonly prefix: string } => {
      count += 1
      const prefix = `t*${count}[:`
      return Object.assign(new HoldfastStore({ sessions, prefix, ...options }), { prefix })
    }

    it('keeps a session from one request to the next, at any server', async () => {
      const store = storeOf()
      await using one = await openShop(store)
      await using other = await openShop(new HoldfastStore({ sessions, prefix: store.prefix }))
      const browser = one.browser()
      await browser.get('/buy/tea')
      assert.equal((await browser.get('/buy/milk')).body, '["tea","milk"]')
      assert.equal((await browser.at(other.browser()).get('/buy/jam')).body, '["tea","milk","jam"]')
      assert.equal((await browser.get('/show')).body, '{"cart":["tea","milk","jam"]}')
    })

    it('keeps what two requests at once change in different members', async () => {
      await using shop = await openShop(storeOf())
      const browser = shop.browser()
      await browser.get('/buy/tea')
      const held = shop.held()
      const slow = browser.get('/held/theme/dark')
      const { release } = await held
      await browser.get('/buy/milk')
      release()
      await slow
      assert.equal((await browser.get('/show')).body, '{"cart":["tea","milk"],"theme":"dark"}')
    })

    it('keeps what twenty requests at once have done', async () => {
      const store = storeOf()
      await using shop = await openShop(store)
      const browser = shop.browser()
      await browser.get('/theme/dark')
      const members = Array.from({ length: 20 }, (_, index) => `member${index}`)
      // What requests do: each reads, changes a member of its own, and saves.
      await Promise.all(
        members.map(async (member) => {
          const data = await read(store, browser.sessionId)
          await save(store, browser.sessionId, Object.assign(data, { [member]: true }))
        }),
      )
      const { cookie: _, ...data } = await read(store, browser.sessionId)
      assert.deepEqual(Object.keys(data).sort(), [...members, 'theme'].sort())
    })

    it('takes nothing back with a request that changed nothing, under resave too', async () => {
      await using shop = await openShop(storeOf(), { resave: true })
      const browser = shop.browser()
      await browser.get('/buy/tea')
      const held = shop.held()
      const slow = browser.get('/held/show')
      const { release } = await held
      await browser.get('/buy/milk')
      await browser.get('/theme/dark')
      await browser.get('/forget')
      release()
      await slow
      assert.equal((await browser.get('/show')).body, '{"cart":["tea","milk"]}')
    })

    it('keeps a logout against requests that are still running', async () => {
      await using shop = await openShop(storeOf())
      const browser = shop.browser()
      await browser.get('/login/ada')
      for (const late of ['/held/theme/dark', '/held/show']) {
        await browser.get('/login/ada')
        const held = shop.held()
        const slow = browser.get(late)
        const { release } = await held
        await browser.get('/logout')
        release()
        await slow
        assert.equal((await browser.get('/show')).body, '{}', late)
      }
    })

    it('leaves nothing of the session that a login replaces', async () => {
      const store = storeOf()
      await using shop = await openShop(store)
      const browser = shop.browser()
      await browser.get('/buy/tea')
      const before = browser.sessionId
      await browser.get('/login/ada')
      assert.notEqual(browser.sessionId, before)
      assert.equal(await read(store, before), null)
      assert.equal((await browser.get('/show')).body, '{"user":"ada"}')
    })

    it('lengthens a session without writing its value again', async () => {
      const store = storeOf()
      await using shop = await openShop(store, { cookie: { maxAge: 60_000 } })
      const browser = shop.browser()
      await browser.get('/buy/tea')
      const valueKey = `${store.prefix}value:${browser.sessionId}`
      const end = async (): Promise<number> => (await read(store, browser.sessionId)).cookie.expires?.getTime() ?? 0
      await browser.get('/show')
      const first = await sessions.readEntry(valueKey)
      let last = await end()
      for (let touches = 0; touches < 5; touches += 1) {
        await new Promise((resolve) => setTimeout(resolve, 5))
        await browser.get('/show')
        const now = await end()
        assert(now > last)
        last = now
      }
      const after = await sessions.readEntry(valueKey)
      assert.equal(after?.version, first?.version)
      const life = await sessions.readEntry(`${store.prefix}life:${browser.sessionId}`)
      assert(life?.expiresAt !== undefined && Math.abs(life.expiresAt.getTime() - last) < 5_000)
      assert(after?.expiresAt !== undefined && after.expiresAt > life.expiresAt)
    })

    it('writes nothing for touches within touchAfterMs', async () => {
      const store = storeOf({ touchAfterMs: 50_000 })
      await using shop = await openShop(store, { cookie: { maxAge: 60_000 } })
      const browser = shop.browser()
      await browser.get('/buy/tea')
      await browser.get('/show')
      assert.deepEqual(await sessions.listKeys(String.raw`${store.prefix.replace(/[*[]/g, String.raw`\$&`)}life:*`), [])
      assert.equal((await sessions.readEntry(`${store.prefix}value:${browser.sessionId}`))?.version, 1)
    })

    it('does not put an old copy back by touching', async () => {
      const store = storeOf()
      await using shop = await openShop(store)
      const browser = shop.browser()
      await browser.get('/buy/tea')
      const stale = await read(store, browser.sessionId)
      await browser.get('/buy/milk')
      await call((done) => store.touch(browser.sessionId, stale, done))
      assert.deepEqual((await read(store, browser.sessionId)).cart, ['tea', 'milk'])
    })

    it('touches nothing that is not there', async () => {
      const store = storeOf()
      await call((done) => store.touch('nobody', data({ user: 'ada' }), done))
      assert.equal(await read(store, 'nobody'), null)
    })

    it('ends a session with its cookie, touched or not', async () => {
      const store = storeOf()
      await using shop = await openShop(store, { cookie: { maxAge: 150 } })
      const browser = shop.browser()
      await browser.get('/buy/tea')
      while ((await read(store, browser.sessionId)) !== null) await new Promise((resolve) => setTimeout(resolve, 20))
      assert.equal((await browser.get('/show')).body, '{}')
      await save(store, 'touched', data({ user: 'ada' }, 60_000))
      await call((done) => store.touch('touched', data({ user: 'ada' }, 150), done))
      assert.equal((await read(store, 'touched')).user, 'ada')
      while ((await read(store, 'touched')) !== null) await new Promise((resolve) => setTimeout(resolve, 20))
      await save(store, 'over', data({ user: 'ada' }, -1))
      assert.equal(await read(store, 'over'), null)
    })

    it('gives a session whose cookie has no end ttlMs', async () => {
      const store = storeOf({ ttlMs: 3_600_000 })
      await save(store, 'ada', data({ user: 'ada' }))
      const entry = await sessions.readEntry(`${store.prefix}value:ada`)
      assert(entry?.expiresAt !== undefined)
      assert(Math.abs(entry.expiresAt.getTime() - entry.updatedAt.getTime() - 3_600_000) < 5_000)
      assert.equal((await read(store, 'ada')).cookie.expires, null)
    })

    it('lists, counts and clears its own sessions and no others', async () => {
      const store = storeOf()
      const other = storeOf()
      await save(other, 'x', data({ user: 'x' }))
      for (const user of ['ada', 'bob', 'cem']) await save(store, user, data({ user }))
      await call((done) => store.touch('ada', data({ user: 'ada' }), done))
      await call((done) => store.destroy('bob', done))
      const all = await call<Record<string, SessionData>>((done) => store.all(done))
      assert.deepEqual(
        Object.entries(all).map(([id, { user }]) => [id, user]),
        [
          ['ada', 'ada'],
          ['cem', 'cem'],
        ],
      )
      assert.equal(await call<number>((done) => store.length(done)), 2)
      await call((done) => store.clear(done))
      assert.equal(await call<number>((done) => store.length(done)), 0)
      assert.equal(await call<number>((done) => other.length(done)), 1)
    })

    it('passes on what cannot be stored', async () => {
      const store = storeOf()
      await assert.rejects(save(store, 'x'.repeat(300), data({})), { code: 'INVALID_ARGUMENT' })
      await assert.rejects(save(store, 'x', data({ user: 1n as never })), TypeError)
      assert.throws(() => new HoldfastStore({ sessions, ttlMs: 0 }), { code: 'INVALID_ARGUMENT' })
      assert.throws(() => new HoldfastStore({ sessions, touchAfterMs: -1 }), { code: 'INVALID_ARGUMENT' })
    })
  })
}

/** A session as somebody has it who never loaded it. */
export function data(members: Partial<SessionData>, maxAgeMs?: number): SessionData {
  const cookie = new session.Cookie()
  if (maxAgeMs !== undefined) cookie.expires = new Date(Date.now() + maxAgeMs)
  return Object.assign({ cookie }, members) as unknown as SessionData
}

export function call<R = unknown>(run: (done: (error?: unknown, answer?: R) => void) => void): Promise<R> {
  return new Promise((resolve, reject) => {
    run((error, answer) => (error ? reject(error) : resolve(answer as R)))
  })
}

/** As `Session.reload` does, with a session that knows where it came from. */
export async function read(store: HoldfastStore, id: string): Promise<SessionData> {
  const found = await call<SessionData | null>((done) => store.get(id, done))
  return (
    found === null ? null : store.createSession({ sessionID: id, sessionStore: store } as never, found)
  ) as SessionData
}

export function save(store: HoldfastStore, id: string, session: SessionData): Promise<unknown> {
  return call((done) => store.set(id, session, done))
}
