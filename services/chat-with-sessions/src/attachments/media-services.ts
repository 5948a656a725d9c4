/** The services of media as a conversation needs them. Each may be missing: UNIMPLEMENTED then, as of a server that does not have it. */
export interface MediaServices {
  /** What is on a picture. */
  describe(media: Medium, call: MediaCall): Promise<MadeText>
  /** What was said in a recording; empty if nothing was. */
  transcribe(media: Medium, call: MediaCall): Promise<MadeText>
  speak(text: string, voice: SpokenReply, call: MediaCall): Promise<SpokenText>
}

export interface Medium {
  readonly hash: string
  readonly contentType: string
  /** The bytes, for a service that does not have them in its own store. */
  readonly bytes: () => Promise<Uint8Array>
}

export interface MediaCall {
  /** Which message it is for: `CONVERSATION/SEQ`. */
  readonly message: string
  readonly signal: AbortSignal
}

export interface MadeText {
  readonly text: string
  /** Of what the service made: the artifacts' ids. */
  readonly artifacts: readonly string[]
}

/** How a reply is spoken. */
export interface SpokenReply {
  /** Default: the service's. */
  readonly voice?: string
  /** 0.5 to 2; default 1. */
  readonly speed?: number
}

export interface SpokenText {
  readonly audio: Uint8Array
  readonly contentType: string
}
