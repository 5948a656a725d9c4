/** Where recall gets its words from: a search over what is stored. */
export type Retrieve = (query: RetrieveQuery) => Promise<readonly Quote[]>

export interface RetrieveQuery {
  /** Whose messages to search; nobody else's may be among the quotes. */
  readonly userId: string
  /** The question's words without stop words, separated by spaces. */
  readonly query: string
  /** The question as it was asked, for a search that knows what texts mean. */
  readonly question: string
  readonly limit: number
  /** Messages not to return: the question itself. */
  readonly exclude: readonly { readonly conversationId: string; readonly seq: number }[]
  readonly signal?: AbortSignal
}

/** A stored message that has to do with the query. */
export interface Quote {
  readonly conversationId: string
  /** The conversation's title; default: it has none. */
  readonly title?: string
  readonly seq: number
  /** Only what the user said is quoted; best leave other roles out of the search. */
  readonly role: 'user' | 'assistant' | 'system' | 'tool'
  readonly at: Date
  readonly text: string
  /** Higher is nearer; compared only with the others of the same answer. */
  readonly score: number
  /** Only if it has none of the question's words: how near what it means is to the question, up to 1. */
  readonly similarity?: number
}
