import { HoldfastError } from '@holdfast/errors'
import type { Shapes } from './shapes.js'

/** Whoever makes something of a user asks before, and once more after it was committed: an erasure whose mark is not there then begins after the
 *  commit and finds what was made. @throws FAILED_PRECONDITION USER_ERASED */
export async function refuseErased({ erasedUsers }: Pick<Shapes, 'erasedUsers'>, userId: string): Promise<void> {
  if (userId === '' || (await erasedUsers.get(userId)) === undefined) return
  throw new HoldfastError(
    'FAILED_PRECONDITION',
    `User ${userId} was erased: nothing can be stored for this id for some time, use another one`,
    { reason: 'USER_ERASED', metadata: { userId } },
  )
}
