import type { CompiledGraph } from '../graph/compile.js'
import type { Interpreter } from '../run/interpreter.js'
import type { Task, Unit } from '../run/scope.js'
import type { NodeState } from './execution-engine.js'

/** Of all nodes of a run, those of graphs within behind the node that they are within. */
export function nodeStates(graph: CompiledGraph, interpreter: Interpreter): NodeState[] {
  if (!interpreter.isStarted) {
    return graph.nodes.map(({ id, source }) => ({ node: id, type: source.type, state: 'pending', attempt: 0 }))
  }
  return [...interpreter.units()].map((one) => ('unit' in one ? ofUnit(one.unit) : ofTask(one.task)))
}

function ofTask({ scope, node, round, state, outcome }: Task): NodeState {
  const path = `${scope.prefix}${node.id}${round === 0 ? '' : `#${round}`}`
  return {
    node: path,
    type: node.source.type,
    state: state === 'settled' && outcome !== undefined ? outcome : 'pending',
    attempt: 0,
  }
}

function ofUnit({ path, task, state, outcome, attempt, until, outputs, error }: Unit): NodeState {
  const going = state === 'started' ? 'running' : state === 'ready' && until !== undefined ? 'retrying' : 'pending'
  return {
    node: path,
    type: task.node.source.type,
    state: state === 'settled' ? (outcome ?? 'completed') : going,
    attempt: state === 'waiting' ? 0 : attempt,
    ...(outputs === undefined ? {} : { outputs }),
    ...(error === undefined ? {} : { error }),
  }
}
