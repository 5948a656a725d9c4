import { createChatService } from '@holdfast/chat-with-sessions'
import { recallModel } from '@holdfast/models'
import { openDocumentStore } from '@holdfast/persistence'
import { createLogger, startGrpcServer, startTraces } from '@holdfast/server'
import { openConversationStore } from '@holdfast/session'
import { startSdkTraces } from './sdk-traces.js'

/** The chat service on the PostgreSQL server of the first argument, with traces as the second says: nothing, or a URL and a ratio, or `sdk` for all
 *  calls by OpenTelemetry's SDK. Prints its address. */
const [database = '', url = '', ratio = '1'] = process.argv.slice(2)
if (ratio === 'sdk') startSdkTraces(url)
else if (url !== '') await startTraces({ url, ratio: Number(ratio) })
const store = await openDocumentStore(database)
const conversations = await openConversationStore(store)
const chat = createChatService({ conversations, model: recallModel({ retrieve: async () => [] }) })
const logger = createLogger({ level: 'warn' })
const server = await startGrpcServer({ services: [chat.service], listen: '127.0.0.1:0', auth: 'none', logger })
process.stdout.write(`${server.address}\n`)
