import { postgresForTests } from '@holdfast/test-servers'
import { describePlans } from './plans.test.support.js'

describePlans('PostgreSQL', postgresForTests)
