import type { Projection } from '@holdfast/persistence'
import type { StoreContext } from '../context.js'
import type { Role } from '../message.js'
import type { Keep, NearMessage, NearMessages } from './near-messages.js'
import type { IndexedMark } from './records.js'
import { type PackedVector, packedVector, similarity } from './stored-vector.js'

interface HeldVector extends PackedVector {
  readonly seq: number
  readonly role: Role
}

interface Held {
  readonly mark: IndexedMark
  readonly vectors: readonly HeldVector[]
}

const conversationsAtOnce = 16
const comparedAtOnce = 4000

/** The vectors of one user's messages, held in memory and compared one by one, so that what is nearest is found for certain. At most so many,
 *  those of the conversations that were active last. */
export class UserVectors implements NearMessages {
  readonly #context: StoreContext
  readonly #model: string
  readonly #dimensions: number
  readonly #capacity: number
  readonly #held = new Map<string, Held>()

  constructor(context: StoreContext, model: string, dimensions: number, capacity: number) {
    this.#context = context
    this.#model = model
    this.#dimensions = dimensions
    this.#capacity = capacity
  }

  /** Reads what was indexed since, and forgets what is not there any more. */
  async refresh(marks: ReadonlyMap<string, IndexedMark>): Promise<void> {
    for (const id of this.#held.keys()) if (!marks.has(id)) this.#held.delete(id)
    let budget = this.#capacity
    let missing: string[] = []
    for (const [id, mark] of marks) {
      const held = this.#held.get(id)
      if (budget <= 0) {
        this.#held.delete(id)
      } else if (held?.mark.round === mark.round) {
        budget -= held.vectors.length
      } else {
        missing.push(id)
        if (missing.length < conversationsAtOnce) continue
        budget -= await this.#readAll(missing, marks)
        missing = []
      }
    }
    if (missing.length > 0 && budget > 0) await this.#readAll(missing, marks)
  }

  discard(conversationId: string, seq: number): void {
    const held = this.#held.get(conversationId)
    if (held === undefined) return
    this.#held.set(conversationId, { ...held, vectors: held.vectors.filter((vector) => vector.seq !== seq) })
  }

  get isEmpty(): boolean {
    return this.#held.size === 0
  }

  async nearest(query: Float32Array, limit: number, keep: Keep): Promise<NearMessage[]> {
    const near: NearMessage[] = []
    let compared = 0
    for (const [conversationId, { vectors }] of this.#held) {
      let last: { seq: number; similarity: number } | undefined
      for (const { seq, role, ...vector } of vectors) {
        if (!keep({ conversationId, seq, role })) continue
        const found = similarity(query, vector)
        // Passages of one message stand side by side.
        if (last?.seq === seq) last.similarity = Math.max(last.similarity, found)
        else {
          if (last !== undefined) near.push({ conversationId, ...last })
          last = { seq, similarity: found }
        }
      }
      if (last !== undefined) near.push({ conversationId, ...last })
      compared += vectors.length
      if (compared < comparedAtOnce) continue
      compared = 0
      await new Promise((resolve) => setImmediate(resolve))
    }
    return near.sort((a, b) => b.similarity - a.similarity).slice(0, limit)
  }

  /** One by one, since the database answers that from the index, however few statistics it has. @returns how many vectors there are */
  async #readAll(ids: readonly string[], marks: ReadonlyMap<string, IndexedMark>): Promise<number> {
    const known = ids.flatMap((id) => {
      const mark = marks.get(id)
      return mark === undefined ? [] : [this.#read(id, mark)]
    })
    const counts = await Promise.all(known)
    return counts.reduce((sum, count) => sum + count, 0)
  }

  async #read(id: string, mark: IndexedMark): Promise<number> {
    const before = this.#held.get(id)
    const held = before !== undefined && onlyGrew(before.mark, mark) ? before.vectors : []
    // The vectors may have been read after a later round than the mark tells of.
    const last = held.length === 0 ? 0 : Math.max(before?.mark.seq ?? 0, held.at(-1)?.seq ?? 0)
    const filter = { conversationId: id, model: this.#model, ...(last === 0 ? {} : { seq: { $gt: last } }) }
    const found = await this.#context.shapes.vectors.find(filter, { project }).toArray()
    const read = found.map(({ data }) => this.#unpacked(data)).filter((vector) => vector !== undefined)
    const vectors = [...held, ...read.sort((a, b) => a.seq - b.seq)]
    this.#held.set(id, { mark, vectors })
    return vectors.length
  }

  #unpacked({ seq, role, vector }: { readonly seq: number; readonly role: Role; readonly vector: string }) {
    const packed = packedVector(vector, this.#dimensions)
    return packed === undefined ? undefined : { seq, role, ...packed }
  }
}

const project: Projection = { seq: 1, role: 1, vector: 1 }

/** Whether nothing happened but that messages were added at the end. */
function onlyGrew(before: IndexedMark, after: IndexedMark): boolean {
  return before.from === after.from && before.change === after.change && before.first === after.first
}
