import type { Config } from '@holdfast/server'
import { openModel } from '../model.js'
import { type Check, failed } from './check.js'

const name = 'model'

export async function checkModel(config: Config): Promise<Check> {
  try {
    using opened = openModel(config, { search: async () => [] })
    const { model } = opened
    if (model.kind === 'recall') {
      return {
        name,
        status: 'ok',
        detail: 'recall: no language model, replies quote what the user said before',
        advice:
          'for a language model set HOLDFAST_MODEL_BASE_URL (an OpenAI-compatible endpoint, such as http://127.0.0.1:11434/v1) and HOLDFAST_MODEL_NAME',
      }
    }
    const { ok, detail, error } = await model.check()
    return ok ? { name, status: 'ok', detail } : failed(name, error ?? new Error(detail))
  } catch (error) {
    return failed(name, error)
  }
}
