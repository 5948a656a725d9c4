import { after, before, describe } from 'node:test'
import { expiryTests } from './expiry.js'
import { keyTests } from './keys.js'
import { lifecycleTests } from './lifecycle.js'
import { processTests } from './processes.js'
import { randomLifeTests } from './random-lives.js'
import { type SessionConformanceOptions, type SessionFixture, SessionStage } from './stage.js'
import { valueTests } from './values.js'
import { versionTests } from './versions.js'

export type { SessionConformanceOptions, SessionFixture } from './stage.js'

/** What every session store must do, run over one backend and one cache. Call it in a test file. */
export function describeSessionStore(
  name: string,
  start: () => Promise<SessionFixture>,
  options: SessionConformanceOptions = {},
): void {
  describe(name, () => {
    const stage = new SessionStage(start, options)
    before(() => stage.start())
    after(() => stage.stop())
    describe('values', () => valueTests(stage))
    describe('versions', () => versionTests(stage))
    describe('lifetimes', () => expiryTests(stage))
    describe('keys', () => keyTests(stage))
    describe('processes', () => processTests(stage))
    describe('random lives', () => randomLifeTests(stage))
    describe('open and closed', () => lifecycleTests(stage))
  })
}
