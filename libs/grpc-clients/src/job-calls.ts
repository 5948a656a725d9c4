import { randomUUID } from 'node:crypto'
import { jobs } from '@holdfast/protocol'
import type { Connection } from './connection.js'
import { encode, type Method } from './method.js'
import type { CallOptions } from './options.js'
import { type ResumingStream, resuming } from './resuming.js'
import { readStream } from './server-stream.js'

/** Jobs are found again by their key: whatever submits one gets one. */
export function withJobKey<Request extends { readonly options: jobs.JobOptions | undefined }>(
  request: Request,
): Request {
  const options = request.options ?? jobs.JobOptions.fromPartial({})
  return options.key === '' ? { ...request, options: { ...options, key: randomUUID() } } : request
}

export interface WatchRequest {
  readonly jobId: string
  readonly after: number
}

/** What happens to a job until its end, each event once, whichever process tells it. */
export function watchJob<
  Request extends WatchRequest,
  Response extends { readonly event: jobs.JobEvent | undefined; readonly job: unknown },
>(
  connection: Connection,
  method: Method<Request, Response>,
  from: Request,
  options: CallOptions,
): AsyncIterable<Response> {
  let { after } = from
  const stream: ResumingStream<Response> = {
    name: 'Watch',
    // The event of an end is not the last one if the job was retried after it.
    isLast: ({ job }) => job !== undefined,
    async *open(link, attempt) {
      for await (const response of readStream(connection, link, encode(method, { ...from, after }), attempt)) {
        after = response.event?.cursor ?? after
        yield response
      }
    },
  }
  return resuming(connection, stream, Number.POSITIVE_INFINITY, options)
}
