import type { Metrics } from '@holdfast/server'
import { Counter, Histogram } from 'prom-client'
import type { ReplyHooks } from './hooks.js'

/** Counts replies in the server's Prometheus metrics. */
export function replyMetrics(metrics: Metrics, active: () => number): ReplyHooks {
  const registers = [metrics.registry]
  metrics.gauge('holdfast_chat_replies_active', 'Replies that this process is making', active)
  const replies = new Counter({
    name: 'holdfast_chat_replies_total',
    help: 'Replies that ended, by status',
    labelNames: ['status'],
    registers,
  })
  const tokens = new Counter({
    name: 'holdfast_chat_reply_pieces_total',
    help: 'Pieces of text from the model',
    registers,
  })
  const flushes = new Counter({
    name: 'holdfast_chat_reply_flushes_total',
    help: 'Durable writes of reply text',
    registers,
  })
  const characters = new Counter({
    name: 'holdfast_chat_reply_characters_total',
    help: 'Reply text that is durable, in UTF-16 units',
    registers,
  })
  const firstToken = new Histogram({
    name: 'holdfast_chat_reply_first_token_seconds',
    help: 'From asking for a reply to its first durable text',
    buckets: [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120],
    registers,
  })
  const duration = new Histogram({
    name: 'holdfast_chat_reply_duration_seconds',
    help: 'From asking for a reply to its end',
    buckets: [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600],
    registers,
  })
  return {
    token: () => tokens.inc(),
    flushed: (length) => {
      flushes.inc()
      characters.inc(length)
    },
    firstToken: (ms) => firstToken.observe(ms / 1000),
    ended: (status, ms) => {
      replies.inc({ status })
      duration.observe(ms / 1000)
    },
  }
}
