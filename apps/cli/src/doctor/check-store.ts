import { constants, existsSync, readdirSync } from 'node:fs'
import { access, statfs } from 'node:fs/promises'
import { dirname } from 'node:path'
import { HoldfastError } from '@holdfast/errors'
import { openDocumentStore } from '@holdfast/persistence'
import { maskUrl } from '@holdfast/server'
import type { Settings } from '../settings.js'
import { type Check, failed } from './check.js'

const connectTimeoutMs = 3_000
const littleSpaceBytes = 1024 ** 3
const noSpaceBytes = 64 * 1024 ** 2

/** The data folder and its database, or the database server. */
export async function checkStore({ folder, storeUrl }: Settings): Promise<Check[]> {
  if (folder === undefined) return [await checkDatabase(storeUrl, maskUrl(storeUrl))]
  const checks = [await checkSpace(folder)]
  if (!existsSync(folder)) return [await checkNewFolder(folder), ...checks]
  if (isEmpty(folder))
    return [{ name: 'data', status: 'ok', detail: `${folder} is empty; \`holdfast up\` fills it` }, ...checks]
  return [await checkDatabase(storeUrl, folder), ...checks]
}

/** Opens it, which brings its schema up to date, as every start does. */
async function checkDatabase(url: string, shown: string): Promise<Check> {
  const name = url.startsWith('embedded:') ? 'data' : 'database'
  try {
    await using store = await openDocumentStore(url, { connectTimeoutMs })
    const [{ server, latencyMs, rowSecurity }, { version }] = [await store.health(), await store.migrate()]
    const detail = `${shown}: ${server}, schema ${version}, answers in ${latencyMs.toFixed(1)} ms`
    if (rowSecurity === undefined) return { name, status: 'ok', detail }
    if (rowSecurity !== 'bypassed') return { name, status: 'ok', detail: `${detail}; ${wallText[rowSecurity]}` }
    const advice = 'connect as a role that owns the schema holdfast and is no superuser'
    return { name, status: 'warn', detail: `${detail}; ${wallText.bypassed}`, advice }
  } catch (error) {
    if (!(error instanceof HoldfastError) || error.reason !== 'FOLDER_IN_USE') return failed(name, error)
    // As it should be while a server runs; whether it answers is another check.
    return { name, status: 'ok', detail: `${shown} is in use by process ${error.metadata['pid'] ?? 'unknown'}` }
  }
}

const wallText = {
  stands: 'row-level security stands between tenants',
  off: 'row-level security is off: the conditions of the statements alone stand between tenants',
  bypassed: 'row-level security is there and says nothing to this role',
} as const

async function checkNewFolder(folder: string): Promise<Check> {
  const parent = nearestExisting(folder)
  try {
    await access(parent, constants.W_OK | constants.X_OK)
    return { name: 'data', status: 'ok', detail: `${folder} is not there yet; \`holdfast up\` makes it` }
  } catch (error) {
    return failed('data', error, `let this user write to ${parent}, or name another folder with --data`)
  }
}

async function checkSpace(folder: string): Promise<Check> {
  const { bavail, bsize } = await statfs(nearestExisting(folder))
  const free = bavail * bsize
  const detail = `${(free / 1024 ** 3).toFixed(1)} GiB free`
  if (free >= littleSpaceBytes) return { name: 'disk', status: 'ok', detail }
  return {
    name: 'disk',
    status: free < noSpaceBytes ? 'fail' : 'warn',
    detail,
    advice: `free space on the disk of ${folder}`,
  }
}

function nearestExisting(path: string): string {
  return existsSync(path) || dirname(path) === path ? path : nearestExisting(dirname(path))
}

function isEmpty(folder: string): boolean {
  try {
    return readdirSync(folder).length === 0
  } catch {
    // A file, or not readable: opening it says so.
    return false
  }
}
