import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { sniff } from './sniff.js'

const cases: readonly (readonly [string, string])[] = [
  ['RIFF\x24\0\0\0WAVEfmt ', 'wav'],
  ['RF64\xFF\xFF\xFF\xFFWAVEds64', 'wav'],
  ['fLaC\0\0\0\x22', 'FLAC'],
  ['OggS\0\x02', 'Ogg'],
  ['\0\0\0\x1CftypM4A ', 'MP4'],
  ['\x1A\x45\xDF\xA3', 'WebM'],
  ['FORM\0\0\0\0AIFF', 'AIFF'],
  ['.snd', 'AU'],
  ['ID3\x04', 'MP3'],
  ['\xFF\xFB\x90\x64', 'MP3'],
  ['\xFF\xF1\x50\x80', 'AAC'],
  ['\x89PNG\r\n', 'a PNG picture'],
  ['\xFF\xD8\xFF\xE0', 'a JPEG picture'],
  ['%PDF-1.7', 'a PDF document'],
  ['PK\x03\x04', 'a ZIP archive (or an office document)'],
  ['RIFF\0\0\0\0WEBPVP8 ', 'a WebP picture'],
  ['RIFF\0\0\0\0AVI LIST', 'an AVI video'],
  ['#EXTM3U\n/etc/passwd', 'a text'],
  ['{"error": "not found"}', 'a text'],
  ['\n<!doctype html><html>', 'a text in HTML or XML'],
  ['\x01\x02\x03\x04', 'unknown'],
  ['', 'unknown'],
]

describe('sniff', () => {
  for (const [bytes, expected] of cases) {
    it(`takes ${JSON.stringify(bytes)} for ${expected}`, () => {
      const found = sniff(Buffer.from(bytes, 'latin1'))
      assert.equal('name' in found ? found.name : found.kind, expected)
    })
  }
})
