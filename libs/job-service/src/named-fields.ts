import { HoldfastError, invalidField } from '@holdfast/errors'

/** Does the work; an error about a field names it as the caller wrote it.
 *  @param fields names on the wire by names within; others stay as they are */
export async function namedFields<T>(fields: Readonly<Record<string, string>>, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    const [violation] = error instanceof HoldfastError ? error.fields : []
    const field = fields[violation?.field ?? '']
    if (violation === undefined || field === undefined) throw error
    throw invalidField(field, violation.description, { cause: error, reason: (error as HoldfastError).reason })
  }
}
