import type { Config } from '@holdfast/server'
import { modelConfigOf, openServiceModel, services } from '../service-models.js'
import { type Check, failed } from './check.js'

/** Whether what hears, speaks, sees, paints and embeds could work now; loads none of it. */
export function checkServiceModels(config: Config): Promise<Check[]> {
  return Promise.all(
    services.map(async (name): Promise<Check> => {
      try {
        await using model = await openServiceModel(name, modelConfigOf(config, name))
        const { ok, detail, error } = await model.check()
        if (ok) return { name, status: 'ok', detail }
        if (model.provider === 'local') return { name, status: 'warn', detail }
        return failed(name, error ?? new Error(detail))
      } catch (error) {
        return failed(name, error)
      }
    }),
  )
}
