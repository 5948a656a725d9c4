/** Whether a prepared statement has to be prepared anew, so that the server makes its plan anew as well. The server keeps a plan until the table's
 *  statistics change, also one that reads all rows because there was next to none when it was made; so it is never kept for more than twice the uses that
 *  it was made after. See docs/decisions/0093-plans-are-made-anew.md.
 *  @param uses of the statement in its session, this one included */
export function isPlanOld(uses: number): boolean {
  return uses >= 16 && (uses & (uses - 1)) === 0
}
