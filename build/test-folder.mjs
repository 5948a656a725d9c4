import { spawnSync } from 'node:child_process'
import { accessSync, chmodSync, constants, mkdtempSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const memory = '/dev/shm'
/** A run was seen to hold 640 MiB at once. */
const neededBytes = 4 * 2 ** 30

/** A new folder for what tests write: in memory where the machine has a file system there with room, since hundreds of databases are made and removed, which
 *  took a tenth of the time of all tests on a disk (590 s, in memory 525). What happens to a disk when the power fails is no test's subject: they kill
 *  processes, whose files stay either way. `TMPDIR` decides where it is set. */
export function makeTestFolder() {
  if (process.env.TMPDIR === undefined && hasRoom(memory)) {
    const folder = mkdtempSync(join(memory, 'holdfast-test-'))
    if (runsPrograms(folder)) return folder
    rmSync(folder, { recursive: true })
  }
  return mkdtempSync(join(tmpdir(), 'holdfast-test-'))
}

function hasRoom(folder) {
  try {
    accessSync(folder, constants.W_OK)
    const { bavail, bsize } = statfsSync(folder)
    return bavail * bsize >= neededBytes && process.availableMemory() >= 2 * neededBytes
  } catch {
    return false
  }
}

/** Containers forbid it there. */
function runsPrograms(folder) {
  const program = join(folder, 'program')
  writeFileSync(program, '#!/bin/sh\nexit 0\n')
  chmodSync(program, 0o755)
  const { status } = spawnSync(program)
  rmSync(program)
  return status === 0
}
