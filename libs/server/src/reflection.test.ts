import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { describe, it } from 'node:test'
import { Client, credentials } from '@grpc/grpc-js'
import {
  type MethodDefinition,
  type ServiceDefinition,
  loadFileDescriptorSetFromBuffer,
  loadSync,
} from '@grpc/proto-loader'
import { fileDescriptors } from '@holdfast/protocol'
import { echo, echoDefinition, startEcho } from './echo.test.fixture.js'
import { defineService } from './service.js'

interface ReflectionResponse {
  readonly list_services_response?: { readonly service: readonly { readonly name: string }[] }
  readonly file_descriptor_response?: { readonly file_descriptor_proto: readonly Buffer[] }
  readonly error_response?: { readonly error_code: number }
}

const folder = dirname(createRequire(import.meta.url).resolve('@grpc/reflection/package.json'))

function methodOf(version: string): MethodDefinition<object, object> {
  const path = join(folder, 'build/proto/grpc/reflection', version, 'reflection.proto')
  const service = loadSync(path, { keepCase: true })[`grpc.reflection.${version}.ServerReflection`] as ServiceDefinition
  return service['ServerReflectionInfo'] ?? assert.fail('no method')
}

async function ask(address: string, version: string, request: object): Promise<ReflectionResponse> {
  const { path, requestSerialize, responseDeserialize } = methodOf(version)
  const client = new Client(address, credentials.createInsecure())
  try {
    const stream = client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize)
    stream.write(request)
    const [response] = (await once(stream, 'data')) as [ReflectionResponse]
    stream.end()
    return response
  } finally {
    client.close()
  }
}

/** A FileDescriptorSet: its files as field 1, each with its length before it. */
function descriptorSet(files: readonly Buffer[]): Buffer {
  return Buffer.concat(files.flatMap((file) => [Buffer.from([0x0a]), varint(file.length), file]))
}

function varint(value: number): Buffer {
  const bytes = []
  for (let rest = value; ; rest >>>= 7) {
    if (rest < 0x80) return Buffer.from([...bytes, rest])
    bytes.push((rest & 0x7f) | 0x80)
  }
}

describe('server reflection', () => {
  for (const version of ['v1', 'v1alpha']) {
    it(`tells the services in ${version}`, async () => {
      const services = [{ ...defineService(echoDefinition, echo), name: 'holdfast.chat.v1.ChatService' }]
      await using server = await startEcho({}, { services })
      const { list_services_response: list } = await ask(server.address, version, { list_services: '' })
      assert.deepEqual(list?.service, [{ name: 'holdfast.chat.v1.ChatService' }])
    })

    it(`gives files in ${version} from which a client can be built`, async () => {
      await using server = await startEcho({})
      const symbol = 'holdfast.chat.v1.ChatService'
      const { file_descriptor_response: files } = await ask(server.address, version, { file_containing_symbol: symbol })
      const loaded = loadFileDescriptorSetFromBuffer(descriptorSet(files?.file_descriptor_proto ?? []))
      const service = loaded[symbol] as ServiceDefinition
      assert.equal(service['StreamChat']?.path, `/${symbol}/StreamChat`)
      const written = fileDescriptors().find((file) => file.includes('holdfast/chat/v1/chat.proto'))
      assert.ok(written && files?.file_descriptor_proto.some((file) => sameFacts(file, written)))
    })
  }

  it('has nothing to tell of what is not there', async () => {
    await using server = await startEcho({})
    const answer = await ask(server.address, 'v1', { file_containing_symbol: 'holdfast.nothing.v1.No' })
    assert.equal(answer.error_response?.error_code, 5)
  })
})

/** The same bytes up to the order of fields: optional fields, imports and absolute type names survived. */
function sameFacts(one: Buffer, other: Buffer): boolean {
  return Buffer.compare(Buffer.from(one).sort(), Buffer.from(other).sort()) === 0
}
