// Loaded into every process of a test run (NODE_OPTIONS): looks at all that they write for secrets that the tests work with, and notes each find in a file that
// the run ends with (build/test.mjs). HOLDFAST_TEST_SECRET is part of the passwords of the test servers' databases and must not be written anywhere;
// keys of tests may be shown to who made them, on standard output, and nowhere else.
import fs from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'

const { HOLDFAST_TEST_SECRET: secret = '', HOLDFAST_TEST_FINDS: file = '' } = process.env

// API keys of Holdfast, JSON Web Tokens, and the keys of models that tests name.
const keys =
  /hfk_[0-9a-f]{16}_[\w-]{43}|\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]{8,}|\bsk-(?:ours|secret|very-secret|env-secret|of-another-endpoint|holdfast-0123456789abcdef)\b/

if (secret !== '' && file !== '') watch()

function watch() {
  const writeSync = fs.writeSync
  // How logs are written: synchronously, so that the last lines before a crash are not lost.
  fs.writeSync = (fd, data, ...rest) => {
    if (fd === 1 || fd === 2) look(fd, data)
    return writeSync(fd, data, ...rest)
  }
  syncBuiltinESMExports()
  watchStream('stdout', 1)
  watchStream('stderr', 2)

  function look(fd, data) {
    const text = typeof data === 'string' ? data : Buffer.from(data).toString()
    const found = text.includes(secret) ? 'a password' : fd === 2 ? keys.exec(text)?.[0].slice(0, 8) : undefined
    if (found === undefined) return
    const where = fd === 2 ? 'standard error' : 'standard output'
    const line = text.split('\n').find((one) => one.includes(secret) || keys.test(one)) ?? ''
    const shown = line.replaceAll(secret, '***').replace(keys, '***').slice(0, 300)
    fs.appendFileSync(file, `${found} on ${where} of ${process.argv.slice(1, 4).join(' ')}: ${shown}\n`)
  }

  /** Streams are made when they are first asked for; asking for them here would open them in processes that never write. */
  function watchStream(name, fd) {
    const descriptor = Object.getOwnPropertyDescriptor(process, name)
    if (descriptor?.get === undefined) return
    let isWatched = false
    Object.defineProperty(process, name, {
      ...descriptor,
      get() {
        const stream = descriptor.get.call(process)
        if (!isWatched) {
          isWatched = true
          const write = stream.write
          stream.write = (chunk, ...rest) => {
            if (typeof chunk === 'string' || ArrayBuffer.isView(chunk)) look(fd, chunk)
            return write.call(stream, chunk, ...rest)
          }
        }
        return stream
      },
    })
  }
}
