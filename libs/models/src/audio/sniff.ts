/** What begins with these bytes. `audio` and `video-or-audio` are containers that ffmpeg knows by `demuxer`. */
export type Sniffed =
  | { readonly kind: 'wav' }
  | { readonly kind: 'audio'; readonly name: string; readonly demuxer: string }
  /** May hold pictures. `seekable`: its table of contents may stand at its end. */
  | { readonly kind: 'video-or-audio'; readonly name: string; readonly demuxer: string; readonly seekable: boolean }
  /** `name` with its article: `a PNG picture`. */
  | { readonly kind: 'other'; readonly name: string }
  | { readonly kind: 'unknown' }

/** As many bytes as are looked at. */
export const sniffBytes = 64

/** Tells by content alone: names and content types lie. Signatures: https://www.iana.org/assignments/media-types and the formats' own
 *  documents. */
export function sniff(bytes: Uint8Array): Sniffed {
  const text = (from: number, to: number) => String.fromCharCode(...bytes.subarray(from, to))
  const at = (index: number) => bytes[index] ?? 0
  const four = text(0, 4)
  if ((four === 'RIFF' || four === 'RF64') && text(8, 12) === 'WAVE') return { kind: 'wav' }
  if (four === 'fLaC') return { kind: 'audio', name: 'FLAC', demuxer: 'flac' }
  if (four === 'OggS') return { kind: 'video-or-audio', name: 'Ogg', demuxer: 'ogg', seekable: false }
  if (text(4, 8) === 'ftyp') return { kind: 'video-or-audio', name: 'MP4', demuxer: 'mov', seekable: true }
  if (four === '\x1A\x45\xDF\xA3') return { kind: 'video-or-audio', name: 'WebM', demuxer: 'matroska', seekable: false }
  if (four === 'FORM' && /AIF[FC]/.test(text(8, 12))) return { kind: 'audio', name: 'AIFF', demuxer: 'aiff' }
  if (four === '.snd') return { kind: 'audio', name: 'AU', demuxer: 'au' }
  if (text(0, 3) === 'ID3') return { kind: 'audio', name: 'MP3', demuxer: 'mp3' }
  if (at(0) === 0xff && (at(1) & 0xe0) === 0xe0) {
    // The layer says which: MPEG audio has one, AAC none.
    if ((at(1) & 0x06) === 0) {
      return (at(1) & 0xf0) === 0xf0 ? { kind: 'audio', name: 'AAC', demuxer: 'aac' } : { kind: 'unknown' }
    }
    return { kind: 'audio', name: 'MP3', demuxer: 'mp3' }
  }
  return other(bytes, text)
}

function other(bytes: Uint8Array, text: (from: number, to: number) => string): Sniffed {
  const known: readonly (readonly [string, string])[] = [
    ['\x89PNG', 'a PNG picture'],
    ['\xFF\xD8\xFF', 'a JPEG picture'],
    ['GIF8', 'a GIF picture'],
    ['%PDF', 'a PDF document'],
    ['PK\x03\x04', 'a ZIP archive (or an office document)'],
    ['\x1F\x8B', 'a gzip archive'],
    ['\x7FELF', 'a program'],
    ['\x00\x00\x01\xBA', 'an MPEG video'],
    ['FLV', 'a Flash video'],
    ['MThd', 'MIDI notes without sound'],
  ]
  const name = known.find(([start]) => text(0, start.length) === start)?.[1]
  if (name !== undefined) return { kind: 'other', name }
  if (text(0, 4) === 'RIFF') {
    const form = text(8, 12)
    return {
      kind: 'other',
      name: form === 'WEBP' ? 'a WebP picture' : form === 'AVI ' ? 'an AVI video' : 'no WAVE file',
    }
  }
  if (bytes.length > 0 && bytes.every((one) => one === 9 || one === 10 || one === 13 || (one >= 32 && one !== 127))) {
    if (/^\s*</.test(text(0, sniffBytes))) return { kind: 'other', name: 'a text in HTML or XML' }
    return { kind: 'other', name: 'a text' }
  }
  return { kind: 'unknown' }
}
