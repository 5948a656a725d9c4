import { type ServerHttp2Stream, constants } from 'node:http2'
import type {
  Metadata,
  ServerInterceptingCall,
  ServerInterceptingCallInterface,
  ServerInterceptor,
  StatusObject,
} from '@grpc/grpc-js'
import { type MethodTrace, type ServerState, refuse } from '../handlers.js'
import { admit, rememberAdmission } from './admission.js'
import type { Authenticator, Identity } from './authenticator.js'

/** What a refused caller has for seeing that it was refused, before what it still sends is no longer received. */
const leaveMs = 250

type Listener = Parameters<ServerInterceptingCallInterface['start']>[0]
type Status = Parameters<ServerInterceptingCallInterface['sendStatus']>[0]

/** Looks at the credential as soon as the headers are there: of who is refused, no message is read. Who is let in is looked at again when the message
 *  has come, which may be long after.
 *  @param methods by path: `/holdfast.chat.v1.ChatService/SendMessage`; others (health, reflection) are open */
export function admitOnHeaders(
  authenticator: Authenticator,
  methods: ReadonlyMap<string, MethodTrace>,
  state: ServerState,
): ServerInterceptor {
  const start = (method: MethodTrace, call: ServerInterceptingCallInterface, listener: Listener): void => {
    let isOver = false
    const receive = (metadata: Metadata): void => {
      const go = (identity: Identity): void => {
        if (isOver) return
        rememberAdmission(metadata, identity)
        listener.onReceiveMetadata(metadata)
      }
      const fail = (failure: unknown): void => {
        if (isOver) return
        isOver = true
        const wire = { metadata, cancelled: false, getDeadline: () => call.getDeadline(), once: () => undefined }
        refuse(method, wire, failure, state, (status) => end(call, status))
      }
      try {
        const admitted = admit(authenticator, method, metadata)
        if (admitted instanceof Promise) admitted.then(go, fail)
        else go(admitted)
      } catch (failure) {
        fail(failure)
      }
    }
    call.start({
      onReceiveMetadata: receive,
      onReceiveMessage: (message) => listener.onReceiveMessage(message),
      onReceiveHalfClose: () => listener.onReceiveHalfClose(),
      onCancel: () => {
        isOver = true
        listener.onCancel()
      },
    })
  }
  return ({ path }, call) => {
    const method = methods.get(path)
    const guarded = method === undefined ? call : new GuardedCall(call, (listener) => start(method, call, listener))
    // grpc-js declares its own class, and calls what the interface has.
    return guarded as ServerInterceptingCall
  }
}

function end(call: ServerInterceptingCallInterface, { code = 2, details = '', metadata }: Partial<StatusObject>): void {
  call.sendStatus({ code, details, metadata: metadata ?? null })
  // grpc-js goes on receiving what a caller sends that was answered, and throws it away; it has no other way to end that.
  const { stream } = call as unknown as { readonly stream?: ServerHttp2Stream }
  if (stream === undefined) return
  const timer = setTimeout(() => stream.close(constants.NGHTTP2_NO_ERROR), leaveMs).unref()
  stream.once('close', () => clearTimeout(timer))
}

/** A call as it is, but for how it starts. The class that grpc-js has for interceptors wraps every step of every call in closures. */
class GuardedCall implements ServerInterceptingCallInterface {
  readonly #call: ServerInterceptingCallInterface
  readonly start: (listener: Listener) => void

  constructor(call: ServerInterceptingCallInterface, start: (listener: Listener) => void) {
    this.#call = call
    this.start = start
  }

  sendMetadata(metadata: Metadata): void {
    this.#call.sendMetadata(metadata)
  }

  sendMessage(message: unknown, callback: () => void): void {
    this.#call.sendMessage(message, callback)
  }

  sendStatus(status: Status): void {
    this.#call.sendStatus(status)
  }

  startRead(): void {
    this.#call.startRead()
  }

  getPeer(): ReturnType<ServerInterceptingCallInterface['getPeer']> {
    return this.#call.getPeer()
  }

  getDeadline(): ReturnType<ServerInterceptingCallInterface['getDeadline']> {
    return this.#call.getDeadline()
  }

  getHost(): ReturnType<ServerInterceptingCallInterface['getHost']> {
    return this.#call.getHost()
  }

  getAuthContext(): ReturnType<ServerInterceptingCallInterface['getAuthContext']> {
    return this.#call.getAuthContext()
  }

  getConnectionInfo(): ReturnType<ServerInterceptingCallInterface['getConnectionInfo']> {
    return this.#call.getConnectionInfo()
  }

  getMetricsRecorder(): ReturnType<ServerInterceptingCallInterface['getMetricsRecorder']> {
    return this.#call.getMetricsRecorder()
  }
}
