import assert from 'node:assert/strict'
import { test } from 'node:test'
import { artifacts, vision } from '@holdfast/protocol'
import { createClients } from './clients.js'
import { startMediaServer } from './media-server-for-tests.js'
import { serviceAddresses } from './service-addresses.js'

test('calls a service where it is said to be, and the others elsewhere', async () => {
  const describes = (text: string) => ({
    describe: (_: unknown, answer: (error: null, response: vision.DescribeResponse) => void) =>
      answer(null, vision.DescribeResponse.fromPartial({ description: { text } })),
  })
  await using apart = await startMediaServer({ vision: describes('apart') })
  await using together = await startMediaServer({
    vision: describes('together'),
    artifacts: {
      getArtifact: (_, answer) =>
        answer(null, artifacts.GetArtifactResponse.fromPartial({ artifact: { name: 'together' } })),
    },
  })
  await using clients = createClients({ address: `${together.address}, vision=${apart.address}` })
  const { description } = await clients.vision.describe({})
  assert.equal(description?.text, 'apart')
  const { artifact } = await clients.artifacts.getArtifact({ artifactId: 'a' })
  assert.equal(artifact?.name, 'together')
  const healths = await clients.health()
  assert.deepEqual(healths.map(({ address }) => address).toSorted(), [apart.address, together.address].toSorted())
})

test('takes several addresses for a service, and any target that gRPC knows', () => {
  const addresses = serviceAddresses(['dag=a:1', 'dag=dns:///b:2', 'unix:/run/c'])
  assert.deepEqual(addresses.get('dag'), ['a:1', 'dns:///b:2'])
  assert.deepEqual(addresses.get('chat'), ['unix:/run/c'])
  // Whoever is asked says that it does not have the service.
  assert.deepEqual(serviceAddresses('dag=a:1').get('chat'), ['a:1'])
})

test('refuses a service that is not known', () => {
  assert.throws(() => createClients({ address: 'chats=a:1' }), { code: 'INVALID_ARGUMENT', message: /not for chats/ })
})
