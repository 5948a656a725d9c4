import { HoldfastError, invalidField } from '@holdfast/errors'
import { isJsonObject } from '../query/json-value.js'
import { checkOptions } from '../options.js'
import { checkId } from '../sql/names.js'
import { type ExtendedJsonOptions, idOfExtendedJson, parseExtendedJson } from './extended-json.js'
import { splitObjects } from './json-values.js'
import type { LoadItem } from './load.js'
import type { Chunks } from './split-lines.js'

export interface MongoImportOptions extends ExtendedJsonOptions {
  /** Told now and then how many bytes were read. */
  readonly onProgress?: (bytes: number) => void
}

/** What `mongoexport` wrote (a document a line, or one array), as items for `collection.load`: `_id` becomes the id. */
export async function* readMongoExport(
  chunks: Chunks,
  options: MongoImportOptions = {},
): AsyncGenerator<LoadItem<Record<string, unknown>> & { readonly id: string }> {
  checkOptions(options, ['inexact', 'onProgress'])
  const { inexact = 'refuse', onProgress } = options
  if (inexact !== 'refuse' && inexact !== 'text') throw invalidField('inexact', 'must be refuse or text')
  let bytes = 0
  for await (const { text, line } of splitObjects(chunks, (more) => onProgress?.((bytes += more)))) {
    const document = parse(text, line, inexact)
    if (!isJsonObject(document)) throw invalidField(`line ${line}`, 'is a single value, not a document')
    if (!Object.hasOwn(document, '_id')) throw invalidField(`line ${line}`, 'has no _id')
    const { _id = null, ...data } = document
    yield { id: checkId(idOfExtendedJson(_id), `line ${line}: _id`), data }
  }
}

function parse(text: string, line: number, inexact: 'refuse' | 'text') {
  try {
    return parseExtendedJson(text, { inexact })
  } catch (error) {
    if (!(error instanceof HoldfastError)) throw invalidField(`line ${line}`, 'is not JSON', { cause: error })
    const [fault] = error.fields
    throw invalidField(`line ${line}: ${fault?.field ?? 'data'}`, fault?.description ?? error.message, { cause: error })
  }
}
