/** What pictures may come in as. Of an animation the first frame is taken. */
export type PictureFormat = 'png' | 'jpeg' | 'webp' | 'gif' | 'avif'

export const contentTypes: Readonly<Record<PictureFormat, string>> = {
  png: 'image/png',
  jpeg: 'image/jpeg',
  webp: 'image/webp',
  gif: 'image/gif',
  avif: 'image/avif',
}

/** What bytes are, by what they begin with, whatever their name or their content type says. */
export type Sniffed = { readonly format: PictureFormat } | { readonly other: string }

export function sniffPicture(bytes: Uint8Array): Sniffed {
  const head = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.byteLength, 1024))
  const formats = Object.keys(pictures) as PictureFormat[]
  const format = formats.find((one) => pictures[one](head))
  if (format !== undefined) return { format }
  return { other: others.find(([matches]) => matches(head))?.[1] ?? 'no picture that is known here' }
}

type Matches = (head: Buffer) => boolean

const at =
  (offset: number, ...texts: string[]): Matches =>
  (head) =>
    texts.some((text) => head.toString('latin1', offset, offset + text.length) === text)

const both =
  (one: Matches, other: Matches): Matches =>
  (head) =>
    one(head) && other(head)

const pictures: Readonly<Record<PictureFormat, Matches>> = {
  png: at(0, '\x89PNG\r\n\x1a\n'),
  jpeg: at(0, '\xff\xd8\xff'),
  webp: both(at(0, 'RIFF'), at(8, 'WEBP')),
  gif: at(0, 'GIF87a', 'GIF89a'),
  avif: both(at(4, 'ftyp'), at(8, 'avif', 'avis')),
}

// So that the error says what was sent. The order matters where one beginning is part of another.
const others: readonly (readonly [Matches, string])[] = [
  [at(0, '%PDF-'), 'a PDF document'],
  [both(at(4, 'ftyp'), at(8, 'heic', 'heix', 'hevc', 'mif1', 'msf1')), 'a HEIC picture'],
  [both(at(4, 'ftyp'), at(8, 'M4A')), 'audio (M4A)'],
  [at(4, 'ftyp', 'moov', 'mdat'), 'a video (MP4 or QuickTime)'],
  [at(0, '\x1aE\xdf\xa3'), 'a video (Matroska or WebM)'],
  [both(at(0, 'RIFF'), at(8, 'AVI ')), 'a video (AVI)'],
  [at(0, '\x00\x00\x01\xba', '\x00\x00\x01\xb3'), 'a video (MPEG)'],
  [at(0, 'FLV'), 'a video (Flash)'],
  [both(at(0, 'RIFF'), at(8, 'WAVE')), 'audio (WAV)'],
  [at(0, 'ID3', '\xff\xfb', '\xff\xf3', '\xff\xf2'), 'audio (MP3)'],
  [at(0, 'OggS'), 'audio or video (Ogg)'],
  [at(0, 'fLaC'), 'audio (FLAC)'],
  [at(0, 'II*\x00', 'MM\x00*'), 'a TIFF picture'],
  [at(0, 'BM'), 'a BMP picture'],
  [at(0, '\x00\x00\x01\x00'), 'an icon (ICO)'],
  [at(0, '8BPS'), 'a Photoshop document'],
  [at(0, '\xff\x0a', '\x00\x00\x00\x0cJXL '), 'a JPEG XL picture'],
  [at(0, '\x00\x00\x00\x0cjP  '), 'a JPEG 2000 picture'],
  [at(0, 'PK\x03\x04'), 'a ZIP archive or an office document'],
  [at(0, '\x1f\x8b'), 'a gzip archive'],
  [at(0, '\x7fELF', 'MZ'), 'a program'],
  [
    (head) => /^\s*(<\?xml[\s\S]*|<!--[\s\S]*|<!DOCTYPE svg[\s\S]*)?<svg[\s>]/.test(head.toString('latin1')),
    'an SVG drawing',
  ],
  [(head) => /^\s*<(!doctype html|html)/i.test(head.toString('latin1')), 'an HTML page'],
  [(head) => head.every((byte) => byte >= 32 || byte === 9 || byte === 10 || byte === 13), 'text'],
]
