import { HoldfastError } from '@holdfast/errors'
import type { StreamKey } from '../backend.js'
import type { SqlConnection } from './driver.js'
import { logTables } from './names.js'

/** Makes a branch: a row that names the stream whose entries it shares, and up to which. When the branch point itself lies in
 *  the past of `from`, the branch hangs on the stream that owns that entry, so that a chain never passes through a stream
 *  without reading something of its own. The lock on `from` keeps it from being trimmed or removed until the branch can be seen. */
export async function forkStream(
  connection: SqlConnection,
  log: string,
  from: StreamKey,
  at: number,
  to: StreamKey,
): Promise<void> {
  const { streams, entries } = logTables(log)
  const [row] = await connection.query({
    text: `with recursive source as materialized (
        select stream, parent, base, head, first, at from ${streams}
        where tenant = $1 and stream = $2 and removed_at is null for share),
      owner(stream, parent, base) as (
        select stream, parent, base from source where head >= $3
        union all
        select p.stream, p.parent, p.base
        from owner o join ${streams} p on p.tenant = $1 and p.stream = o.parent where o.base >= $3),
      made as (
        insert into ${streams} (tenant, stream, head, first, at, parent, base)
        select $1, $4, $3, least(source.first, $3 + 1),
          case when $3 > 0 then coalesce(
            (select e.at from ${entries} e where e.tenant = $1 and e.stream = owner.stream and e.seq = $3),
            source.at) end,
          owner.stream, $3
        from source, owner where owner.base is null or owner.base < $3 or owner.parent is null
        on conflict do nothing returning true)
      select head, (select count(*) from made) from source`,
    values: [from.tenant, from.stream, at, to.stream],
  })
  if (row === undefined) {
    throw new HoldfastError('NOT_FOUND', `Stream ${from.stream} of ${log} does not exist: nothing to fork from`)
  }
  const head = Number(row[0])
  if (head < at) {
    throw new HoldfastError(
      'OUT_OF_RANGE',
      `Stream ${from.stream} of ${log} ends at ${head}, before ${at}: fork at most there`,
    )
  }
  if (row[1] !== 1) {
    throw new HoldfastError('ALREADY_EXISTS', `Stream ${to.stream} of ${log} exists or existed: fork to another name`)
  }
}
