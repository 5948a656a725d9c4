import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parse } from 'yaml'

/** For tests: what operators get in build/observability. */
export const prometheusFolder: string = join(root(), 'build', 'observability', 'prometheus')
const dashboardFile = join(root(), 'build', 'observability', 'grafana', 'holdfast-dashboard.json')
const guideFile = join(root(), 'docs', 'guides', 'observation.md')

function root(): string {
  return join(import.meta.dirname, '..', '..', '..', '..')
}

export interface Panel {
  readonly id: number
  readonly type: string
  readonly title: string
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number }
  readonly targets?: readonly { readonly refId: string; readonly expr: string }[]
}

export interface Dashboard {
  readonly uid: string
  readonly title: string
  readonly schemaVersion: number
  readonly panels: readonly Panel[]
  readonly templating: { readonly list: readonly { readonly name: string; readonly query: unknown }[] }
}

export async function readDashboard(): Promise<Dashboard> {
  return JSON.parse(await readFile(dashboardFile, 'utf8')) as Dashboard
}

interface Rules {
  readonly groups: readonly { readonly rules: readonly { readonly alert: string; readonly expr: string }[] }[]
}

export async function readAlerts(): Promise<readonly { readonly alert: string; readonly expr: string }[]> {
  const rules = parse(await readFile(join(prometheusFolder, 'holdfast-rules.yml'), 'utf8')) as Rules
  return rules.groups.flatMap((group) => group.rules)
}

/** Names in the guide's table of metrics. */
export async function readDocumentedMetrics(): Promise<readonly string[]> {
  const guide = await readFile(guideFile, 'utf8')
  const [, section = ''] = /\n## Metrics\n([\s\S]*?)\n## /.exec(guide) ?? []
  return [...section.matchAll(/^\| `([a-z0-9_]+)`/gm)].map(([, name = '']) => name)
}

export async function readDocumentedAlerts(): Promise<readonly string[]> {
  const guide = await readFile(guideFile, 'utf8')
  return [...guide.matchAll(/^\| `(Holdfast[A-Za-z]+)`/gm)].map(([, name = '']) => name)
}

/** The dashboard's expressions as Prometheus gets them. */
export function expressionsOf({ panels }: Dashboard): string[] {
  return panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => filledIn(expr)))
}

function filledIn(expression: string): string {
  return expression.replaceAll('$__rate_interval', '5m').replaceAll(/\$\{?[a-z]+\}?/g, '.*')
}

const words = new Set(['and', 'or', 'unless', 'bool', 'offset', 'by', 'without', 'on', 'ignoring'])

/** Names of the metrics that an expression reads. */
export function metricsIn(expression: string): string[] {
  const bare = expression
    .replaceAll(/"(?:[^"\\]|\\.)*"/g, '""')
    .replaceAll(/\{[^}]*\}/g, ' ')
    .replaceAll(/\[[^\]]*\]/g, ' ')
    .replaceAll(/\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)/g, ' ')
  const names = bare.matchAll(/(?<![\w:.])[a-zA-Z_:][\w:]*(?![\w:])(?!\s*\()/g)
  return [...new Set([...names].map(([name]) => name).filter((name) => !words.has(name)))]
}
