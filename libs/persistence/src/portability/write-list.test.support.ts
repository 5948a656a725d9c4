import { writeFileSync } from 'node:fs'
import { listFile, listText, statementsInCode } from './listed-statements.test.support.js'

writeFileSync(listFile, listText(statementsInCode()))
