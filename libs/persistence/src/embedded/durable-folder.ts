import { NodeFS } from '@electric-sql/pglite/nodefs'
import { fsyncSync } from 'node:fs'

/** PGlite's folder on the disk, with the one thing it lacks: fsync reaches the disk (Emscripten's NODEFS has no such
 *  operation and reports success, and its fdatasync does nothing, hence wal_sync_method=fsync in worker.ts). Without
 *  it a commit survives a killed process but not a power failure. */
export class DurableFolder extends NodeFS {
  override async init(...[pglite, options]: Parameters<NodeFS['init']>): ReturnType<NodeFS['init']> {
    const { emscriptenOpts } = await super.init(pglite, options)
    return {
      emscriptenOpts: {
        ...emscriptenOpts,
        preRun: [
          ...(emscriptenOpts.preRun ?? []),
          (module: object) => {
            const { stream_ops: operations } = (
              module as { readonly NODEFS: { readonly stream_ops: StreamOperations } }
            ).NODEFS
            operations.fsync = (stream) => {
              fsyncSync(stream.nfd)
              return 0
            }
          },
        ],
      },
    }
  }
}

interface StreamOperations {
  fsync?: (stream: { readonly nfd: number }) => number
}
