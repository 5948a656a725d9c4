import { readFileSync } from 'node:fs'

export interface Account {
  readonly uid: number
  readonly gid: number
}

/** PostgreSQL refuses to run as root. Then: `nobody`, or the first account named here that exists. An account it must be:
 *  initdb looks the user id up in /etc/passwd. `undefined`: this process is not root and servers can run as it is. */
export function unprivilegedAccount(): Account | undefined {
  if (process.getuid?.() !== 0) return undefined
  const accounts = new Map(
    readFileSync('/etc/passwd', 'utf8')
      .split('\n')
      .map((line) => line.split(':'))
      .map(([name = '', , uid, gid]) => [name, { uid: Number(uid), gid: Number(gid) }]),
  )
  for (const name of ['nobody', 'postgres', 'daemon', 'www-data']) {
    const account = accounts.get(name)
    if (account !== undefined && account.uid > 0) return account
  }
  throw new Error('PostgreSQL cannot run as root, and /etc/passwd has no account nobody, postgres, daemon or www-data')
}
