// Loaded into every process of a test run (NODE_OPTIONS): the embedded database is WebAssembly, which V8 compiles a second time, better, while it runs.
// Hundreds of tests open one for a second or two and never get that back: 1.6 s of CPU for the first one of a process in place of 2.3 to 3.4,
// and the conformance suite on it takes no longer. Model processes compute for long and keep the better code.
import { setFlagsFromString } from 'node:v8'

if (!process.argv[1]?.includes('/models/dist/local/')) setFlagsFromString('--liftoff-only')
