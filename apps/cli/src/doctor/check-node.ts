import type { Check } from './check.js'

const least = [20, 19] as const

export function checkNode(version: string = process.versions.node): Check {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  const detail = `Node.js ${version} on ${process.platform} ${process.arch}`
  if (major > least[0] || (major === least[0] && minor >= least[1])) return { name: 'node', status: 'ok', detail }
  return { name: 'node', status: 'fail', detail, advice: `install Node.js ${least.join('.')} or later` }
}
