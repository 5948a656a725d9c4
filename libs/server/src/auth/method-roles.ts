import type { Role } from '../caller.js'

/** The least role for each method, the one place where it is said; a test holds it against proto/. A method that is not here is refused to
 *  everybody as soon as there is authentication. grpc.health.v1 and reflection are open: they tell nothing that is anybody's. */
export type MethodRoles = { readonly [service: string]: { readonly [method: string]: Role } }

/** What the services of media have in common. */
const jobMethods = {
  Submit: 'writer',
  Get: 'reader',
  Watch: 'reader',
  Cancel: 'writer',
  List: 'reader',
  Retry: 'writer',
} as const

export const methodRoles: MethodRoles = {
  'holdfast.access.v1.AccessService': {
    CreateKey: 'admin',
    ListKeys: 'admin',
    RevokeKey: 'admin',
    WhoAmI: 'reader',
  },
  'holdfast.artifacts.v1.ArtifactService': {
    Upload: 'writer',
    Download: 'reader',
    GetArtifact: 'reader',
    GetLineage: 'reader',
  },
  'holdfast.chat.v1.ChatService': {
    CreateConversation: 'writer',
    GetConversation: 'reader',
    ListConversations: 'reader',
    UpdateConversation: 'writer',
    DeleteConversation: 'writer',
    SendMessage: 'writer',
    GetMessages: 'reader',
    UpdateMessage: 'writer',
    DeleteMessage: 'writer',
    StreamChat: 'writer',
    ResumeStream: 'reader',
    CancelReply: 'writer',
    SubscribeToConversation: 'reader',
    GetState: 'reader',
    PatchState: 'writer',
    ForkConversation: 'writer',
    SearchMessages: 'reader',
    // All that a person ever said, for good.
    EraseUser: 'admin',
  },
  'holdfast.dag.v1.DagService': {
    ValidateGraph: 'reader',
    // A graph is a program that the server runs: to keep one, start one and steer one is one right.
    CreateGraph: 'writer',
    GetGraph: 'reader',
    ListGraphs: 'reader',
    DeleteGraph: 'writer',
    ExecuteGraph: 'writer',
    GetExecution: 'reader',
    ListExecutions: 'reader',
    StreamExecution: 'reader',
    CancelExecution: 'writer',
    PauseExecution: 'writer',
    ResumeExecution: 'writer',
    SignalExecution: 'writer',
    RetryFrom: 'writer',
    PutSchedule: 'writer',
    ListSchedules: 'reader',
    DeleteSchedule: 'writer',
  },
  // What others serve, for custom nodes of graphs.
  'holdfast.dag.v1.NodeService': { RunNode: 'writer', WatchNode: 'writer' },
  'holdfast.image_generation.v1.ImageGenerationService': {
    ...jobMethods,
    Generate: 'writer',
    Edit: 'writer',
    ListImages: 'reader',
  },
  'holdfast.models.v1.ModelService': { ListModels: 'reader' },
  'holdfast.speech_to_text.v1.SpeechToTextService': {
    ...jobMethods,
    Transcribe: 'writer',
    StreamTranscribe: 'writer',
  },
  'holdfast.text_to_speech.v1.TextToSpeechService': {
    ...jobMethods,
    Speak: 'writer',
    StreamSpeak: 'writer',
    ListVoices: 'reader',
  },
  'holdfast.vision.v1.VisionService': {
    ...jobMethods,
    Describe: 'writer',
    Detect: 'writer',
    ReadText: 'writer',
    Compare: 'writer',
  },
}

const ranks: Readonly<Record<Role, number>> = { reader: 1, writer: 2, admin: 3 }

export const roles: readonly Role[] = ['reader', 'writer', 'admin']

export function isRole(value: unknown): value is Role {
  return typeof value === 'string' && Object.hasOwn(ranks, value)
}

export function includes(role: Role, needed: Role): boolean {
  return ranks[role] >= ranks[needed]
}

/** @param method `holdfast.chat.v1.ChatService/SendMessage`
 *  @returns `undefined`: nobody may call it */
export function roleFor(method: string, table: MethodRoles = methodRoles): Role | undefined {
  const [service = '', name = ''] = method.split('/')
  const ofService = Object.hasOwn(table, service) ? table[service] : undefined
  return ofService !== undefined && Object.hasOwn(ofService, name) ? ofService[name] : undefined
}
