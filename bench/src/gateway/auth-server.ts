import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createChatService } from '@holdfast/chat-with-sessions'
import { recallModel } from '@holdfast/models'
import { openDocumentStore } from '@holdfast/persistence'
import { AccessKeys, KeyRing, authenticatorOf, createLogger, jsonWebTokens, startGrpcServer } from '@holdfast/server'
import { openConversationStore } from '@holdfast/session'
import { SignJWT, exportJWK, generateKeyPair } from 'jose'

/** One chat service on a store in memory, served three times: without authentication, with API keys, with JSON Web Tokens. Prints where, and with
 *  which credentials, as one line of JSON. */
const store = await openDocumentStore('memory:')
const conversations = await openConversationStore(store)
const chat = createChatService({ conversations, model: recallModel({ retrieve: async () => [] }) })

const { publicKey, privateKey } = await generateKeyPair('ES256')
const jwks = JSON.stringify({ keys: [{ ...(await exportJWK(publicKey)), kid: 'bench', alg: 'ES256' }] })
const issuer = createServer((_, response) => void response.end(jwks)).listen(0, '127.0.0.1')
await once(issuer, 'listening')
const jwksUrl = `http://127.0.0.1:${(issuer.address() as AddressInfo).port}/jwks`
const jwt = await new SignJWT({ tenant: 'default', role: 'writer' })
  .setProtectedHeader({ alg: 'ES256', kid: 'bench' })
  .setIssuer('bench')
  .setAudience('holdfast')
  .setSubject('bench')
  .setExpirationTime('1h')
  .sign(privateKey)

const keys = new AccessKeys(store)
const { token: key } = await keys.create({ tenant: 'default', role: 'writer' })
const logger = createLogger({ level: 'warn' })
const serve = (auth: Parameters<typeof startGrpcServer>[0]['auth']) =>
  startGrpcServer({ services: [chat.service], listen: '127.0.0.1:0', auth, logger })
const open = await serve('none')
const withKeys = await serve(authenticatorOf([new KeyRing(keys)]))
const withJwt = await serve(authenticatorOf([jsonWebTokens({ jwksUrl, issuer: 'bench', audience: 'holdfast' })]))
process.stdout.write(
  `${JSON.stringify({ open: open.address, keys: withKeys.address, key, jwt: withJwt.address, token: jwt })}\n`,
)
