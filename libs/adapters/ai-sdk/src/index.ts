export { HoldfastChats, type HoldfastChatsOptions, type LoadOptions, type RecordOptions } from './holdfast-chats.js'
export type { LastReply, ReplyStatus } from './stored-replies.js'
