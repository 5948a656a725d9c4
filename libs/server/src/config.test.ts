import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { HoldfastError } from '@holdfast/errors'
import { type ConfigSources, loadConfig } from './config.js'
import { settings } from './config-schema.js'

describe('the configuration', () => {
  let folder = ''
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'holdfast-config-'))
  })
  after(() => rmSync(folder, { recursive: true }))

  const load = (sources: ConfigSources = {}): ReturnType<typeof loadConfig> =>
    loadConfig({ environment: {}, folder, ...sources })

  function written(name: string, content: string): string {
    writeFileSync(join(folder, name), content)
    return name
  }

  function refusal(sources: ConfigSources): HoldfastError {
    try {
      load(sources)
    } catch (error) {
      assert.ok(error instanceof HoldfastError)
      return error
    }
    assert.fail('the configuration was taken')
  }

  it('has a default for all that is needed', () => {
    const { config, warnings } = load()
    assert.equal(config.listen, '127.0.0.1:9095')
    assert.equal(config.metrics.listen, '127.0.0.1:9464')
    assert.equal(config.dataFolder, '.holdfast')
    assert.equal(config.databaseUrl, undefined)
    assert.equal(config.limits.maxMessageBytes, 20 * 1024 * 1024)
    assert.equal(config.log.level, 'info')
    assert.deepEqual(warnings, [])
  })

  it('names a model for each service, with its price as text or as keys and values, and hides the key', () => {
    const file = written(
      'models.yaml',
      'models:\n  vision: { provider: openai, name: v, price: { currency: EUR, per: { inputTokens: "0.000001" } } }\n',
    )
    const { config, lines } = load({
      file,
      environment: {
        HOLDFAST_MODELS_TRANSCRIPTION_BASE_URL: 'http://127.0.0.1:1/v1',
        HOLDFAST_MODELS_TRANSCRIPTION_API_KEY: 'sk-very-secret',
        HOLDFAST_MODELS_IMAGE_PRICE: 'USD images=0.04, computeMs=0.001',
        HOLDFAST_JOBS_WORKERS: '0',
      },
    })
    assert.equal(config.models.transcription.apiKey, 'sk-very-secret')
    assert.ok(!JSON.stringify(lines()).includes('sk-very-secret'))
    assert.deepEqual(config.models.image.price, { currency: 'USD', per: { images: '0.04', computeMs: '0.001' } })
    assert.deepEqual(config.models.vision.price, { currency: 'EUR', per: { inputTokens: '0.000001' } })
    assert.equal(config.models.vision.canDetect, false)
    assert.equal(config.models.speech.provider, undefined)
    assert.equal(config.jobs.workers, 0)
    for (const price of ['0.04', 'USD', 'USD images', 'USD images=cheap', 'USD pictures=0.04', 'usd images=1']) {
      const refused = refusal({ environment: { HOLDFAST_MODELS_IMAGE_PRICE: price } })
      assert.match(refused.message, /HOLDFAST_MODELS_IMAGE_PRICE/, price)
    }
  })

  it('takes a flag before the environment, the environment before the file, and knows where each value is from', () => {
    const file = written(
      'a.yaml',
      'listen: 127.0.0.1:1\nmodel:\n  name: file\n  baseUrl: http://127.0.0.1:1/v1\nlog: { level: warn }\n',
    )
    const { config, originOf } = load({
      file,
      environment: {
        HOLDFAST_LISTEN: '127.0.0.1:2',
        HOLDFAST_MODEL_NAME: 'environment',
        HOLDFAST_METRICS_ENABLED: 'false',
      },
      flags: { listen: '127.0.0.1:3', dataFolder: undefined },
    })
    assert.equal(config.listen, '127.0.0.1:3')
    assert.equal(config.model.name, 'environment')
    assert.equal(config.log.level, 'warn')
    assert.equal(config.metrics.enabled, false)
    assert.deepEqual(originOf('listen'), { from: 'flag', name: '--listen' })
    assert.deepEqual(originOf('model.name'), { from: 'environment', name: 'HOLDFAST_MODEL_NAME' })
    assert.deepEqual(originOf('model.baseUrl'), { from: 'file', name: 'a.yaml' })
    assert.deepEqual(originOf('dataFolder'), { from: 'default', name: '' })
  })

  it('reads JSON files too, and the file that HOLDFAST_CONFIG names', () => {
    const file = written('b.json', '{ "limits": { "drainMs": 5 } }')
    assert.equal(load({ environment: { HOLDFAST_CONFIG: file } }).config.limits.drainMs, 5)
    assert.equal(load({ file: written('empty.yaml', '# nothing\n') }).config.listen, '127.0.0.1:9095')
  })

  it('treats an empty variable as not set', () => {
    assert.equal(
      load({ environment: { HOLDFAST_DATABASE_URL: '', HOLDFAST_CONFIG: '' } }).config.databaseUrl,
      undefined,
    )
  })

  it('names every wrong value, where it was set and what it should be', () => {
    const error = refusal({
      file: written('c.yaml', 'limits:\n  drainMs: soon\nlog: loud\n'),
      environment: { HOLDFAST_LOG_FORMAT: 'xml', HOLDFAST_LISTEN: 'everywhere' },
      flags: { 'limits.maxTextBytes': '0' },
    })
    assert.equal(error.code, 'INVALID_ARGUMENT')
    const byField = Object.fromEntries(error.fields.map(({ field, description }) => [field, description]))
    assert.match(byField['HOLDFAST_LISTEN'] ?? '', /must be HOST:PORT.*"everywhere"/)
    assert.match(byField['HOLDFAST_LOG_FORMAT'] ?? '', /must be one of auto, json, text/)
    assert.match(byField['c.yaml: limits.drainMs'] ?? '', /must be a whole number.*"soon"/)
    assert.match(byField['--limits-max-text-bytes'] ?? '', /must be at least 1/)
  })

  it('refuses an unknown key of the file and names the nearest one', () => {
    const [field] = refusal({ file: written('d.yaml', 'modle:\n  name: x\n') }).fields
    assert.equal(field?.field, 'd.yaml: modle')
    const nested = refusal({ file: written('e.yaml', 'model:\n  apikey: x\n') })
    assert.match(nested.message, /did you mean model\.apiKey\?/)
    assert.match(refusal({ flags: { listn: 'x' } }).message, /did you mean listen\?/)
  })

  it('warns of HOLDFAST_ variables that nobody reads and names the nearest one', () => {
    const environment = { HOLDFAST_MODEL_APIKEY: 'x', HOLDFAST_TEST_THING: 'y', OTHER: 'z' }
    const { warnings } = load({ environment, knownVariables: ['HOLDFAST_TEST_THING'] })
    assert.deepEqual(warnings, [
      'HOLDFAST_MODEL_APIKEY is set, but nothing reads it; did you mean HOLDFAST_MODEL_API_KEY?',
    ])
  })

  it('reads a secret from the file that a _FILE variable names', () => {
    const environment = { HOLDFAST_MODEL_API_KEY_FILE: written('key', 'sk-12345\n') }
    const { config, originOf } = load({ environment })
    assert.equal(config.model.apiKey, 'sk-12345')
    assert.equal(originOf('model.apiKey').name, 'HOLDFAST_MODEL_API_KEY_FILE')
    assert.equal(refusal({ environment: { ...environment, HOLDFAST_MODEL_API_KEY: 'x' } }).code, 'INVALID_ARGUMENT')
    const missing = refusal({ environment: { HOLDFAST_MODEL_API_KEY_FILE: 'nowhere' } })
    assert.equal(missing.code, 'FAILED_PRECONDITION')
    assert.match(missing.message, /HOLDFAST_MODEL_API_KEY_FILE.*ENOENT/)
  })

  it('never prints a secret', () => {
    const environment = {
      HOLDFAST_MODEL_API_KEY: 'sk-very-secret',
      HOLDFAST_DATABASE_URL: 'postgres://ada:p%40ss-word@db.example/h?sslmode=require&password=other-one',
    }
    const { lines, secrets, config } = load({ environment })
    const printed = JSON.stringify(lines())
    for (const secret of ['sk-very-secret', 'p%40ss-word', 'other-one']) assert.ok(!printed.includes(secret), secret)
    assert.match(printed, /postgres:\/\/ada:\*\*\*@db\.example\/h\?sslmode=require&password=\*\*\*/)
    assert.match(config.databaseUrl ?? '', /p%40ss-word/)
    assert.ok(secrets.includes('sk-very-secret') && secrets.includes('p@ss-word') && secrets.includes('p%40ss-word'))
  })

  it('does not quote a secret that is wrong', () => {
    const { message } = refusal({ environment: { HOLDFAST_DATABASE_URL: 'mysql://ada:pass-word@db/h' } })
    assert.match(message, /HOLDFAST_DATABASE_URL must be postgres:/)
    assert.ok(!message.includes('pass-word'))
    const broken = refusal({ file: written('f.yaml', 'model:\n  apiKey: "sk-very-secret\n') })
    assert.ok(!broken.message.includes('sk-very'))
  })

  it('says which file it cannot read', () => {
    const error = refusal({ file: 'nowhere.yaml' })
    assert.equal(error.code, 'FAILED_PRECONDITION')
    assert.match(error.message, /nowhere\.yaml \(ENOENT\)/)
  })

  it('has a description, a flag and a variable of its own for every setting', () => {
    for (const { path, description } of settings) assert.ok(description, path)
    assert.equal(new Set(settings.map(({ variable }) => variable)).size, settings.length)
    assert.equal(new Set(settings.map(({ flag }) => flag)).size, settings.length)
    const named = Object.fromEntries(settings.map(({ path, variable }) => [path, variable]))
    assert.equal(named['databaseUrl'], 'HOLDFAST_DATABASE_URL')
    assert.equal(named['dataFolder'], 'HOLDFAST_DATA')
    assert.equal(named['metrics.listen'], 'HOLDFAST_METRICS_LISTEN')
    assert.equal(named['model.baseUrl'], 'HOLDFAST_MODEL_BASE_URL')
  })
})
