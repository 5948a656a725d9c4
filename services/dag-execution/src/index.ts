export { compileGraph } from './graph/compile.js'
