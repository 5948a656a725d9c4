import { invalidField } from '@holdfast/errors'
import type { SubmitOptions } from '@holdfast/jobs'
import type { jobs as wire } from '@holdfast/protocol'

/** What a request asks of its job, with the names of fields as the client wrote them.
 *  @throws INVALID_ARGUMENT */
export function submitOptions(options: wire.JobOptions | undefined): SubmitOptions {
  if (options === undefined) return {}
  const { key, deadlineMs, noCache, labels, maxAttempts } = options
  if (key.length > 200) throw invalidField('options.key', 'has more than 200 characters')
  if (deadlineMs < 0) throw invalidField('options.deadline_ms', `is ${deadlineMs}: must be 0 or more`)
  if (labels.length > 32) throw invalidField('options.labels', `has ${labels.length} entries: at most 32`)
  for (const [place, label] of labels.entries()) {
    if (label.length < 1 || label.length > 128) {
      throw invalidField(`options.labels[${place}]`, `has ${label.length} characters: 1 to 128`)
    }
  }
  if (maxAttempts < 0 || maxAttempts > 20) throw invalidField('options.max_attempts', `is ${maxAttempts}: 0 to 20`)
  return {
    useCache: !noCache,
    labels,
    ...(key === '' ? {} : { key }),
    ...(deadlineMs === 0 ? {} : { deadlineMs }),
    ...(maxAttempts === 0 ? {} : { maxAttempts }),
  }
}
