/** The words of a question that are worth looking for, in the order of the question, each once: in lower case, without
 *  stop words and without the words of asking. Scripts that do not put spaces between words fall through as they stand. */
export function queryTerms(question: string): string[] {
  const terms = wordsOf(question)
    .map((word) => word.replace(/'(s|m|re|ve|ll|d)?$/, ''))
    .filter((word) => !unwanted.has(word))
  return [...new Set(terms)].slice(0, maxTerms)
}

/** In lower case, with the straight apostrophe. */
export function wordsOf(text: string): string[] {
  const plain = text.normalize('NFC').toLowerCase().replaceAll('’', "'")
  return plain.match(/[\p{L}\p{N}][\p{L}\p{N}\p{M}'_-]*/gu) ?? []
}

/** Whether nothing is said but a greeting, thanks or good-bye. */
export function isGreeting(text: string): boolean {
  const words = wordsOf(text)
  return words.length > 0 && words.length <= 6 && words.every((word) => greetings.has(word))
}

// A query of more words finds nothing better and takes longer.
const maxTerms = 32

function wordSet(text: string): ReadonlySet<string> {
  return new Set(text.trim().split(/\s+/))
}

/** English function words, and what questions to a memory are made of ("do you remember what I told you about"). */
const unwanted = wordSet(`
  a about above after again against ago all also always am an and any anyone anything are aren't as at be because been
  before being below between both but by can can't cannot could couldn't did didn't do does doesn't doing don't down during
  each ever few for from further had hadn't has hasn't have haven't having he her here hers herself him himself his how i
  if in into is isn't it its itself just let me mine more most my myself no nor not of off on once one only or other our
  ours ourselves out over own please same she should shouldn't so some someone something such than that the their theirs them
  themselves then there these they this those through to too under until up us very was wasn't we were weren't what when
  where whether which while who whom whose why will with won't would wouldn't yes you your yours yourself yourselves
  ask asked find know known mention mentioned quote recall remember remembered remind repeat said say saying says search
  show speak spoke spoken talk talked talking tell telling tells told
`)

const greetings = wordSet(`
  hi hello hey hiya howdy yo good morning afternoon evening night day greetings welcome there everyone all again thanks
  thank you very much many so a lot cheers bye goodbye see later ok okay great nice fine cool recall holdfast
`)
