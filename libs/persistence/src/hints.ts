/** Hints to other processes on the same data that there may be news. They make waiting shorter and nothing else: whoever waits looks
 *  for himself all the same, and a hint that is lost costs time only. */
export interface Hints {
  /** Tells the others soon. Never waits, never fails; many calls become one hint. */
  announce(topic: string): void
  /** Calls `wake` for what others announce, until the answered function is called. */
  listen(wake: (topic: string) => void): () => void
}

/** Stands for all topics. */
export const anyTopic = '*'
