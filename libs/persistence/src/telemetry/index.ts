/** For libraries that gather calls of many callers into one, as this one does. */
export { type Caller, currentCaller, linkWithOthers, onBehalfOf } from './callers.js'
