import type { StoreContext } from '../context.js'

const pageSize = 500

/** Deletes the vectors of models that no process has indexed with since: marks first, so that one which comes back makes its vectors anew. */
export async function retireModels({ shapes }: StoreContext, model: string, before: number): Promise<void> {
  const { conversations, indexers, vectors } = shapes
  const retired = await indexers.find({ _id: { $ne: model }, seenAt: { $lt: before } }).toArray()
  for (const { id } of retired) {
    for (;;) {
      const marked = await conversations
        .find({ [`indexed.${id}`]: { $exists: true } }, { limit: pageSize, project: { revision: 1 } })
        .toArray()
      if (marked.length === 0) break
      await conversations.updateMany(
        { _id: { $in: marked.map((one) => one.id) } },
        { $unset: { [`indexed.${id}`]: '' } },
      )
    }
    await vectors.deleteMany({ model: id })
    await indexers.deleteOne(id)
  }
}
