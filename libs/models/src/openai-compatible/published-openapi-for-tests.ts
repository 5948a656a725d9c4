import { readFileSync } from 'node:fs'
import { type AnySchemaObject, Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js'
import type { ReceivedRequest } from './scripted-server.js'

/** Names `openapi.json` of https://github.com/openai/openai-openapi, which is too large to be part of the project. */
const variable = 'HOLDFAST_OPENAI_OPENAPI'
const file = process.env[variable]

interface OpenApi {
  readonly paths: Readonly<Record<string, { readonly post?: { readonly requestBody?: RequestBody } }>>
  readonly components: unknown
}

interface RequestBody {
  readonly content: Readonly<Record<string, { readonly schema: AnySchemaObject }>>
}

/** Why requests are not checked against the whole of it here; `undefined`: they are. */
export const whyNoOpenApi: string | undefined =
  file === undefined
    ? `Set ${variable} to OpenAI's openapi.json: requests are checked against fragments of it`
    : undefined

// `nullable` is of an older OpenAPI and no keyword here; nothing that is sent is null.
const document =
  file === undefined
    ? undefined
    : (JSON.parse(readFileSync(file, 'utf8'), (key, value: unknown) =>
        key === 'nullable' && value === true ? undefined : value,
      ) as OpenApi)
const known = new Map<string, ValidateFunction>()

/** What of a request OpenAI's own document does not allow; empty where there is none to ask. */
export function openApiViolations({ path, headers, body }: ReceivedRequest): string[] {
  if (document === undefined) return []
  const contentType = (headers['content-type'] ?? '').split(';')[0] ?? ''
  const name = path.replace(/^\/v1/, '')
  const schema = document.paths[name]?.post?.requestBody?.content[contentType]?.schema
  if (schema === undefined) return [`${name} takes no ${contentType}`]
  const key = `${name} ${contentType}`
  const isForm = contentType === 'multipart/form-data'
  const validate = known.get(key) ?? validatorOf(document, schema, isForm)
  known.set(key, validate)
  if (validate(isForm ? formOf(body) : structuredClone(body))) return []
  return (validate.errors ?? []).map(({ instancePath, message }) => `${instancePath || name} ${message}`)
}

/** In a form all is text, and files have no form in JSON. */
function validatorOf({ components }: OpenApi, schema: AnySchemaObject, isForm: boolean): ValidateFunction {
  const ajv = new Ajv2020({
    strict: false,
    allErrors: true,
    validateFormats: false,
    ...(isForm ? { coerceTypes: 'array' } : {}),
  })
  return ajv.compile({ $id: 'https://api.openai.com/request', components, ...schema })
}

function formOf(body: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(body).map(([name, value]) => [
      name.replace(/\[\]$/, ''),
      value instanceof File ? value.name : value,
    ]),
  )
}
