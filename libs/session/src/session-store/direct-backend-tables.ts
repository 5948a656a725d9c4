import { HoldfastError } from '@holdfast/errors'
import type { SqlDriver } from '@holdfast/persistence/sql'
import { hasUpdatedIndex, legacyKeyIndex, legacyTables, legacyUpdatedIndex } from './direct-backend-statements.js'

/** Makes what is not there yet, beside other processes that do the same. */
export async function prepareTables(driver: SqlDriver): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      await driver.script(legacyTables)
      break
    } catch (error) {
      // Another process makes the same tables.
      const isRace = error instanceof HoldfastError && (error.code === 'ALREADY_EXISTS' || error.code === 'ABORTED')
      if (!isRace || attempt === 5) throw error
      await new Promise((resolve) => setTimeout(resolve, 50 * attempt))
    }
  }
  const [indexes] = await driver.query({ text: hasUpdatedIndex, values: [], readOnly: true })
  if (Number(indexes?.[0]) === 0) await makeIndex(driver, legacyUpdatedIndex)
  await makeIndex(driver, legacyKeyIndex)
}

async function makeIndex(driver: SqlDriver, text: string): Promise<void> {
  try {
    await driver.maintain(text)
  } catch (error) {
    // Another process makes it.
    if (!(error instanceof HoldfastError) || !['ALREADY_EXISTS', 'ABORTED'].includes(error.code)) throw error
  }
}
