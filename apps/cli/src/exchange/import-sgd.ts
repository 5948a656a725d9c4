import type { JsonObject } from '@holdfast/session'
import type { ConversationAccess, VersionedState } from '../access/conversation-access.js'
import { type ImportOptions, type ImportReport, emptyReport, throwIfStopped } from './import-report.js'
import { isDeleted, reconcileConversation, reconcileMessages, reconcileState } from './reconcile.js'
import type { ConversationRecord, MessageRecord } from './records.js'
import { type Dialogue, readDialogues, stateAfter } from './sgd.js'
import { WorkLanes } from './work-lanes.js'

export interface SgdOptions extends ImportOptions {
  /** Whose the conversations are to be. */
  readonly userId: string
}

/** One conversation for each dialogue, one message for each turn, the state after each user's turn. What is there already stays
 *  as it is, so that an import can be repeated and taken up again. */
export async function importDialogues(
  access: ConversationAccess,
  files: readonly string[],
  options: SgdOptions,
): Promise<ImportReport> {
  const report = emptyReport()
  const lanes = new WorkLanes(options.concurrency)
  try {
    for (const file of files) {
      const { dialogues, sizeBytes } = await readDialogues(file)
      for (const dialogue of dialogues) {
        throwIfStopped(options.signal)
        await lanes.add(dialogue.dialogue_id, async () => {
          await importDialogue(access, dialogue, options, report)
          options.onProgress?.(sizeBytes / dialogues.length)
        })
      }
    }
  } finally {
    await lanes.drained()
  }
  return report
}

async function importDialogue(
  access: ConversationAccess,
  dialogue: Dialogue,
  options: SgdOptions,
  report: ImportReport,
): Promise<void> {
  const record = conversationOf(dialogue, options.userId)
  try {
    const { conversation, created } = await reconcileConversation(access, record)
    if (created) report.created++
    const messages = messagesOf(record.id, dialogue)
    const there = Math.min(conversation.lastSeq, messages.length)
    await reconcileMessages(access, record.id, messages.slice(0, there))
    let state = await access.state(record.id)
    let expected: JsonObject = {}
    for (const [index, turn] of dialogue.turns.entries()) {
      throwIfStopped(options.signal)
      if (index >= there) {
        const appended = await reconcileMessages(access, record.id, messages.slice(index, index + 1))
        report.appended += appended
      }
      if (turn.speaker !== 'USER') continue
      expected = stateAfter(expected, turn, index + 1)
      if (lastTurnIn(state) > index) continue
      const reconciled = await reconcileState(access, record.id, expected, state)
      state = reconciled.now
      if (reconciled.changed) report.statesChanged++
    }
    report.conversations++
    report.messages += messages.length
  } catch (error) {
    if (!isDeleted(error)) throw error
    report.deleted++
  }
}

function conversationOf(dialogue: Dialogue, userId: string): ConversationRecord {
  return {
    type: 'conversation',
    id: `sgd-${dialogue.dialogue_id}`,
    userId,
    title: (dialogue.turns[0]?.utterance ?? '').slice(0, 100),
    metadata: { source: 'sgd', dialogue_id: dialogue.dialogue_id, services: dialogue.services.join(',') },
  }
}

function messagesOf(conversation: string, dialogue: Dialogue): MessageRecord[] {
  return dialogue.turns.map((turn, index) => ({
    type: 'message',
    conversation,
    seq: index + 1,
    id: `turn-${index + 1}`,
    role: turn.speaker === 'USER' ? 'user' : 'assistant',
    parts: [{ type: 'text', text: turn.utterance }],
  }))
}

/** The state says after which turn it was, so that an import that was cut goes on where it stood, and a state that an
 *  application changed since is left alone. */
function lastTurnIn({ state }: VersionedState): number {
  return typeof state['turn'] === 'number' ? state['turn'] : 0
}
