import { MeaningSearch, type SearchMessagesResponse, SearchWay } from '@holdfast/protocol'
import type { SearchHit, SearchReport } from '@holdfast/session'
import { messageOnWire } from './wire-messages.js'

const meaningOnWire: Readonly<Record<SearchReport['meaning'], MeaningSearch>> = {
  used: MeaningSearch.USED,
  off: MeaningSearch.OFF,
  behind: MeaningSearch.BEHIND,
  late: MeaningSearch.LATE,
  unread: MeaningSearch.UNREAD,
  unavailable: MeaningSearch.UNAVAILABLE,
}

const wayOnWire: Readonly<Record<SearchHit['by'][number], SearchWay>> = {
  words: SearchWay.WORDS,
  meaning: SearchWay.MEANING,
}

export function searchOnWire({ hits, meaning, unindexed }: SearchReport): SearchMessagesResponse {
  return {
    hits: hits.map(({ message, by, similarity, ...hit }) => ({
      ...hit,
      message: messageOnWire(message),
      by: by.map((way) => wayOnWire[way]),
      similarity,
    })),
    meaning: meaningOnWire[meaning],
    unindexed,
  }
}
