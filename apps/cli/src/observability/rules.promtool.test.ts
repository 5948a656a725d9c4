import assert from 'node:assert/strict'
import { execFile, execFileSync } from 'node:child_process'
import { copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { promisify } from 'node:util'
import { stringify } from 'yaml'
import {
  expressionsOf,
  metricsIn,
  prometheusFolder,
  readAlerts,
  readDashboard,
  readDocumentedAlerts,
} from './observability-files.js'

const run = promisify(execFile)

function whyNoPromtool(): string | false {
  try {
    execFileSync('promtool', ['--version'], { stdio: 'ignore' })
    return false
  } catch {
    return 'promtool is not installed (Debian: prometheus)'
  }
}

const skip = whyNoPromtool()

describe('the alerts', { skip }, () => {
  it('are valid, and so is the example of a configuration', async () => {
    const { stdout } = await run('promtool', ['check', 'rules', 'holdfast-rules.yml'], { cwd: prometheusFolder })
    assert.match(stdout, /SUCCESS: \d+ rules found/)
    await run('promtool', ['check', 'config', 'prometheus.yml'], { cwd: prometheusFolder })
  })

  it('are what the Prometheus of the Compose file is told of', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'holdfast-prometheus-'))
    try {
      const configuration = await readFile(join(prometheusFolder, '../../orchestration/prometheus.yml'), 'utf8')
      // As they are mounted: the rules beside it, and the secrets.
      await copyFile(join(prometheusFolder, 'holdfast-rules.yml'), join(folder, 'holdfast-rules.yml'))
      for (const secret of ['tls_ca', 'metrics_token']) await writeFile(join(folder, secret), '')
      await writeFile(join(folder, 'prometheus.yml'), configuration.replaceAll('/run/secrets', folder))
      const { stdout } = await run('promtool', ['check', 'config', 'prometheus.yml'], { cwd: folder })
      assert.match(stdout, /SUCCESS: 1 rule files found/)
    } finally {
      await rm(folder, { recursive: true, force: true })
    }
  })

  it('fire when they should and stay quiet when not, each of them', async () => {
    const { stdout } = await run('promtool', ['test', 'rules', 'holdfast-rules.test.yml'], { cwd: prometheusFolder })
    assert.match(stdout, /SUCCESS/)
    const tests = await run('grep', ['-o', 'alertname: .*', 'holdfast-rules.test.yml'], { cwd: prometheusFolder })
    for (const { alert } of await readAlerts()) {
      assert.ok(tests.stdout.split('\n').includes(`alertname: ${alert}`), `${alert} has no test`)
    }
  })

  it('are told of in the guide', async () => {
    const alerts = (await readAlerts()).map(({ alert }) => alert)
    assert.deepEqual([...(await readDocumentedAlerts())].toSorted(), alerts.toSorted())
  })
})

describe('the dashboard', () => {
  it('has queries that Prometheus understands', { skip }, async () => {
    const expressions = expressionsOf(await readDashboard())
    assert.ok(expressions.length > 20)
    const rules = expressions.map((expr, index) => ({ record: `query_${index}`, expr }))
    const folder = await mkdtemp(join(tmpdir(), 'holdfast-dashboard-'))
    try {
      await writeFile(join(folder, 'queries.yml'), stringify({ groups: [{ name: 'dashboard', rules }] }))
      const { stdout } = await run('promtool', ['check', 'rules', join(folder, 'queries.yml')])
      assert.match(stdout, new RegExp(`SUCCESS: ${expressions.length} rules found`))
    } finally {
      await rm(folder, { recursive: true })
    }
  })

  it('has panels with ids of their own that do not lie on each other, and variables for all that it names', async () => {
    const dashboard = await readDashboard()
    const { panels, templating } = dashboard
    assert.ok(dashboard.uid !== '' && dashboard.title !== '' && dashboard.schemaVersion >= 36)
    assert.equal(new Set(panels.map(({ id }) => id)).size, panels.length)
    const taken = new Set<string>()
    for (const { title, gridPos, type, targets = [] } of panels) {
      assert.ok(gridPos.x + gridPos.w <= 24, title)
      for (let x = gridPos.x; x < gridPos.x + gridPos.w; x += 1) {
        for (let y = gridPos.y; y < gridPos.y + gridPos.h; y += 1) {
          assert.ok(!taken.has(`${x},${y}`), `${title} lies on another panel`)
          taken.add(`${x},${y}`)
        }
      }
      assert.equal(targets.length > 0, type !== 'row', title)
      assert.equal(new Set(targets.map(({ refId }) => refId)).size, targets.length, title)
    }
    const variables = new Set(templating.list.map(({ name }) => name))
    const named = JSON.stringify(dashboard).matchAll(/\$\{?([a-z]+)\}?(?![a-z_])/g)
    for (const [, name = ''] of named) assert.ok(variables.has(name), `$${name} is no variable`)
  })
})

describe('the reading of queries', () => {
  it('finds the metrics and nothing else', () => {
    const expression =
      'histogram_quantile(0.99, sum by (job, le) (rate(a_bucket{x=~"b_c"}[5m]))) > 1e3 and on (job) (d:e or vector(0)) / f{y="z"} offset 5m'
    assert.deepEqual(metricsIn(expression), ['a_bucket', 'd:e', 'f'])
  })
})
