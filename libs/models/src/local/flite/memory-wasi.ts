/** What is used of https://webassembly.github.io/spec/js-api, whose types come with those of browsers only. */
interface WebAssemblyApi {
  compile(bytes: Uint8Array): Promise<WasmModule>
  readonly Instance: new (module: WasmModule, imports: unknown) => { readonly exports: WasmExports }
}

interface WasmExports {
  readonly memory: { readonly buffer: ArrayBuffer }
  readonly _start: () => void
}

export interface WasmModule {
  readonly [Symbol.toStringTag]: string
}

const { WebAssembly } = globalThis as unknown as { readonly WebAssembly: WebAssemblyApi }

export function compileWasm(bytes: Uint8Array): Promise<WasmModule> {
  return WebAssembly.compile(bytes)
}

/** What a program got by `runWasi`. */
export interface WasiRun {
  readonly exitCode: number
  /** What it wrote into the one file that it may open. */
  readonly file: Uint8Array
  /** What it wrote to its standard output and error. */
  readonly messages: string
}

const ok = 0
const badDescriptor = 8
const invalid = 28
const notSupported = 58
const root = 3
const file = 4

class Exit extends Error {
  readonly code: number
  constructor(code: number) {
    super(`exit ${code}`)
    this.code = code
  }
}

/** Runs a WASI program that reads its arguments and writes one file: no file of this machine can be opened by it, and nothing is left on
 *  the disk when its process is killed. Source: https://github.com/WebAssembly/WASI/blob/main/legacy/preview1/docs.md
 *  @param args without the program's name */
export function runWasi(module: WasmModule, args: readonly string[]): WasiRun {
  const written = new MemoryFile()
  const messages: string[] = []
  const argv = ['program', ...args].map((arg) => Buffer.from(`${arg}\0`))

  // Another buffer whenever it has grown.
  const memory = () => instance.exports.memory.buffer
  const view = () => new DataView(memory())
  const parts = (list: number, count: number): Uint8Array[] =>
    Array.from({ length: count }, (_, index) => {
      const at = view().getUint32(list + index * 8, true)
      return new Uint8Array(memory(), at, view().getUint32(list + index * 8 + 4, true))
    })

  const calls: Record<string, (...args: never[]) => number> = {
    args_sizes_get(count: number, size: number) {
      view().setUint32(count, argv.length, true)
      view().setUint32(
        size,
        argv.reduce((sum, { length }) => sum + length, 0),
        true,
      )
      return ok
    },
    args_get(list: number, buffer: number) {
      let at = buffer
      for (const [index, arg] of argv.entries()) {
        view().setUint32(list + index * 4, at, true)
        new Uint8Array(memory()).set(arg, at)
        at += arg.length
      }
      return ok
    },
    clock_time_get(_clock: number, _precision: bigint, time: number) {
      view().setBigUint64(time, BigInt(Date.now()) * 1_000_000n, true)
      return ok
    },
    fd_prestat_get(descriptor: number, stat: number) {
      if (descriptor !== root) return badDescriptor
      view().setUint32(stat, 0, true)
      view().setUint32(stat + 4, 1, true)
      return ok
    },
    fd_prestat_dir_name(descriptor: number, path: number) {
      if (descriptor !== root) return badDescriptor
      new Uint8Array(memory())[path] = 0x2f
      return ok
    },
    path_open(
      _folder: number,
      _look: number,
      _path: number,
      _length: number,
      flags: number,
      _rights: bigint,
      _inherited: bigint,
      _more: number,
      opened: number,
    ) {
      // Only what it makes itself.
      if ((flags & 1) === 0) return invalid
      view().setUint32(opened, file, true)
      return ok
    },
    fd_fdstat_get(descriptor: number, stat: number) {
      new Uint8Array(memory(), stat, 24).fill(0)
      view().setUint8(stat, descriptor === root ? 3 : descriptor === file ? 4 : 2)
      view().setBigUint64(stat + 8, 0xffff_ffffn, true)
      view().setBigUint64(stat + 16, 0xffff_ffffn, true)
      return ok
    },
    fd_fdstat_set_flags: () => ok,
    fd_close: () => ok,
    fd_read(_descriptor: number, _list: number, _count: number, read: number) {
      view().setUint32(read, 0, true)
      return ok
    },
    fd_write(descriptor: number, list: number, count: number, size: number) {
      let sum = 0
      for (const part of parts(list, count)) {
        if (descriptor === file) written.write(part)
        else messages.push(Buffer.from(part).toString('latin1'))
        sum += part.length
      }
      view().setUint32(size, sum, true)
      return ok
    },
    fd_seek(descriptor: number, offset: bigint, whence: number, position: number) {
      if (descriptor !== file) return notSupported
      view().setBigUint64(position, BigInt(written.seek(Number(offset), whence)), true)
      return ok
    },
    proc_exit(code: number) {
      throw new Exit(code)
    },
  }

  const instance = new WebAssembly.Instance(module, { wasi_snapshot_preview1: calls })
  let exitCode = 0
  try {
    instance.exports._start()
  } catch (error) {
    if (!(error instanceof Exit)) throw error
    exitCode = error.code
  }
  return { exitCode, file: written.bytes(), messages: messages.join('') }
}

class MemoryFile {
  #bytes = Buffer.alloc(64 * 1024)
  #size = 0
  #position = 0

  write(bytes: Uint8Array): void {
    const end = this.#position + bytes.length
    if (end > this.#bytes.length) {
      const grown = Buffer.alloc(Math.max(end, this.#bytes.length * 2))
      this.#bytes.copy(grown)
      this.#bytes = grown
    }
    this.#bytes.set(bytes, this.#position)
    this.#position = end
    this.#size = Math.max(this.#size, end)
  }

  seek(offset: number, whence: number): number {
    this.#position = Math.max(0, [0, this.#position, this.#size][whence] ?? 0) + offset
    return this.#position
  }

  bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#size)
  }
}
