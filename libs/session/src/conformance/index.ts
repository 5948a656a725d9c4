import { after, before, describe } from 'node:test'
import { conversationTests } from './conversations.js'
import { erasureTests } from './erasure.js'
import { forkTests } from './forks.js'
import { historyTests } from './histories.js'
import { meaningTests } from './meanings.js'
import { replyTests } from './replies.js'
import { scopeTests } from './scopes.js'
import { searchTests } from './search.js'
import { type Fixture, Stage } from './stage.js'
import { stateTests } from './states.js'
import { subscriptionTests } from './subscriptions.js'
import { takeoverTests } from './takeovers.js'
import { transcriptTests } from './transcript.js'
import { turnPolicyTests } from './turn-policies.js'
import { turnTests } from './turns.js'

export type { Fixture } from './stage.js'

/** What every conversation store must do, run over one kind of document store. */
export function describeConversationStore(name: string, start: () => Promise<Fixture>): void {
  describe(name, () => {
    const stage = new Stage(start)
    before(() => stage.start())
    after(() => stage.stop())
    describe('conversations', () => conversationTests(stage))
    describe('transcript', () => transcriptTests(stage))
    describe('histories', () => historyTests(stage))
    describe('forks', () => forkTests(stage))
    describe('state', () => stateTests(stage))
    describe('scopes', () => scopeTests(stage))
    describe('tags, exports, erasure, retention', () => erasureTests(stage))
    describe('turns', () => turnTests(stage))
    describe('turn policies', () => turnPolicyTests(stage))
    describe('replies', () => replyTests(stage))
    describe('abandoned turns', () => takeoverTests(stage))
    describe('subscriptions', () => subscriptionTests(stage))
    describe('search', () => searchTests(stage))
    describe('search by meaning', () => meaningTests(stage))
  })
}
