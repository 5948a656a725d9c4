/** Which rows of a collection's table are documents. Every statement that reads or changes documents takes its condition from
 *  here, so that expired and removed ones are invisible at once and everywhere:
 *
 *  | columns                        | what the row is                                                                      |
 *  |--------------------------------|--------------------------------------------------------------------------------------|
 *  | `removed_at` and `expires_at` NULL | a document                                                                       |
 *  | `expires_at` in the future     | a document that will end by itself                                                   |
 *  | `expires_at` not in the future | expired: as if it were not there. A put or an insert starts it anew (new `created_at`, the version grows on); the sweeper deletes the row |
 *  | `removed_at` set               | the tombstone of a soft delete, whatever `expires_at` says: writes of the id are refused. `data` is kept for `restore`, and NULL once it was purged |
 *
 *  It is one expression because of the planner: it takes `removed_at is null` for one row in 200 where it has no statistics of the
 *  column (a table to which it was just added), and has then been seen to read the whole table for a batch of gets, ten times
 *  slower. An expression that it cannot look into counts as every other row, which leaves its plans alone.
 *
 *  `now()` is the database's clock at the start of the statement, or of the transaction that it belongs to. */
export function visible(row: string): string {
  return `case when ${row}.removed_at is null then coalesce(${row}.expires_at > now(), true) else false end`
}

/** NULL for rows that never expire. */
export function expired(row: string): string {
  return `${row}.expires_at <= now()`
}
