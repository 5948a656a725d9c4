import { it } from 'node:test'
import { validateSaver } from './validation-suite.test.support.js'

it("passes LangGraph's validation of checkpoint savers, in memory", () => validateSaver('memory:'))
