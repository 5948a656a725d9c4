import { after, afterEach, before, describe } from 'node:test'
import { cancellationTests } from './cancellations.js'
import { jobTests } from './jobs.js'
import { limitTests } from './limits.js'
import { lineageTests } from './lineages.js'
import { resultTests } from './results.js'
import { retryTests } from './retries.js'
import { type Fixture, Stage } from './stage.js'

export type { Fixture } from './stage.js'

/** What jobs must do, run over one kind of document store. */
export function describeJobs(name: string, start: () => Promise<Fixture>): void {
  describe(name, () => {
    const stage = new Stage(start)
    before(() => stage.start())
    afterEach(() => stage.closeAll())
    after(() => stage.stop())
    describe('jobs', () => jobTests(stage))
    describe('cancellations', () => cancellationTests(stage))
    describe('retries, deadlines, rubbish', () => retryTests(stage))
    describe('limits and tenants', () => limitTests(stage))
    describe('results', () => resultTests(stage))
    describe('lineage', () => lineageTests(stage))
  })
}
