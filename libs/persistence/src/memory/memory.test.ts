import { describeDocumentStore } from '../conformance/index.js'
import { openDocumentStore } from '../open.js'

describeDocumentStore('memory', (options) => openDocumentStore('memory:', options))
