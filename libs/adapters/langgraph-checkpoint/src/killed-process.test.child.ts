import { Annotation, END, START, StateGraph } from '@langchain/langgraph'
import { openDocumentStore } from '@holdfast/persistence'
import { HoldfastSaver } from './holdfast-saver.js'

/** Counts in a graph, a step for each number, and prints each number when it begins with it. Goes on where the thread stands. */
const [url, last = ''] = process.argv.slice(2)
await using store = await openDocumentStore(url)
const State = Annotation.Root({
  counted: Annotation<number[]>({ reducer: (before, added) => [...before, ...added], default: () => [] }),
})
const graph = new StateGraph(State)
  .addNode('count', ({ counted }) => {
    const number = (counted.at(-1) ?? 0) + 1
    console.log(number)
    return { counted: [number] }
  })
  .addEdge(START, 'count')
  .addConditionalEdges('count', ({ counted }) => ((counted.at(-1) ?? 0) < Number(last) ? 'count' : END))
  .compile({ checkpointer: new HoldfastSaver({ store }) })
const config = { configurable: { thread_id: 'counting' }, recursionLimit: 10_000, durability: 'sync' as const }
const { values } = await graph.getState(config)
const { counted } = await graph.invoke(Array.isArray(values['counted']) ? null : {}, config)
console.log(`all ${counted.join(' ')}`)
