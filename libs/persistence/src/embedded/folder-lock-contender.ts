import { HoldfastError } from '@holdfast/errors'
import { FolderLock } from './folder-lock.js'

/** For folder-lock.test.ts: a process that takes the lock of the folder in its first argument when it is told to, says
 *  how that went, and keeps it until it is killed. */
process.once('message', () => {
  FolderLock.take(process.argv[2] ?? '').then(
    () => process.send?.('taken'),
    (error: unknown) => process.send?.(error instanceof HoldfastError ? error.reason : String(error)),
  )
})
process.send?.('ready')
process.on('disconnect', () => process.exit())
