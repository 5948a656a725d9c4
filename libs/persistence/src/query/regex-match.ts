import { escapeText } from '../sql/json-text.js'
import type { CodePoints, Regex, RegexNode } from './regex.js'

/** Answers whether a text matches anywhere, in time that grows with the length of text and pattern and never explodes: all ways
 *  through the pattern are followed at once (Thompson's construction, https://swtch.com/~rsc/regexp/regexp1.html), where
 *  JavaScript's own engine would try them one after the other. */
export class RegexMatcher {
  readonly #program: Instruction[] = []
  readonly #multiline: boolean

  constructor({ of, multiline }: Regex) {
    this.#multiline = multiline
    this.#add(of)
    this.#program.push({ kind: 'match' })
  }

  test(text: string): boolean {
    const points = Array.from(text, (point) => point.codePointAt(0) ?? 0)
    let states = new Set<number>()
    for (let at = 0; at <= points.length; at += 1) {
      if (this.#follow(0, points, at, states)) return true
      const point = points[at]
      if (point === undefined) return false
      const next = new Set<number>()
      for (const state of states) {
        const instruction = this.#program[state]
        if (instruction?.kind !== 'set' || !holds(instruction.ranges, point)) continue
        if (this.#follow(state + 1, points, at + 1, next)) return true
      }
      states = next
    }
    return false
  }

  /** Adds all states that can be reached without reading on. Whether the end is among them. */
  #follow(start: number, points: readonly number[], at: number, states: Set<number>): boolean {
    const left = [start]
    for (let state = left.pop(); state !== undefined; state = left.pop()) {
      if (states.has(state)) continue
      states.add(state)
      const instruction = this.#program[state]
      if (instruction === undefined) continue
      switch (instruction.kind) {
        case 'match':
          return true
        case 'jump':
          left.push(...instruction.to.map((offset) => state + offset))
          break
        case 'set':
          break
        default:
          if (this.#stands(instruction.kind, points, at)) left.push(state + 1)
      }
    }
    return false
  }

  #stands(kind: 'start' | 'end' | 'boundary' | 'within', points: readonly number[], at: number): boolean {
    if (kind === 'start') return at === 0 || (this.#multiline && points[at - 1] === 10)
    if (kind === 'end') return at === points.length || (this.#multiline && points[at] === 10)
    return (isWord(points[at - 1]) !== isWord(points[at])) === (kind === 'boundary')
  }

  #add(node: RegexNode): void {
    switch (node.kind) {
      case 'all':
        for (const part of node.of) this.#add(part)
        return
      case 'any':
        return this.#addAny(node.of)
      case 'repeat':
        return this.#addRepeat(node.of, node.min, node.max)
      default:
        this.#program.push(node)
    }
  }

  /** Jumps to each branch, and from the end of each behind the last. */
  #addAny(branches: readonly RegexNode[]): void {
    const fork: number[] = []
    const start = this.#program.push({ kind: 'jump', to: fork }) - 1
    const ends = branches.map((branch) => {
      fork.push(this.#program.length - start)
      this.#add(branch)
      const to: number[] = []
      return { at: this.#program.push({ kind: 'jump', to }) - 1, to }
    })
    for (const { at, to } of ends) to.push(this.#program.length - at)
  }

  #addRepeat(node: RegexNode, min: number, max: number): void {
    for (let count = 0; count < min; count += 1) this.#add(node)
    if (max === Infinity) {
      const out = [1]
      const start = this.#program.push({ kind: 'jump', to: out }) - 1
      this.#add(node)
      const end = this.#program.length
      this.#program.push({ kind: 'jump', to: [start - end] })
      out.push(this.#program.length - start)
      return
    }
    const skips: { readonly at: number; readonly to: number[] }[] = []
    for (let count = min; count < max; count += 1) {
      const to = [1]
      skips.push({ at: this.#program.push({ kind: 'jump', to }) - 1, to })
      this.#add(node)
    }
    for (const { at, to } of skips) to.push(this.#program.length - at)
  }
}

type Instruction =
  | { readonly kind: 'set'; readonly ranges: readonly CodePoints[] }
  | { readonly kind: 'start' | 'end' | 'boundary' | 'within' }
  /** To all of these at once, counted from here. */
  | { readonly kind: 'jump'; readonly to: readonly number[] }
  | { readonly kind: 'match' }

function holds(ranges: readonly CodePoints[], point: number): boolean {
  return ranges.some(([first, last]) => point >= first && point <= last)
}

function isWord(point: number | undefined): boolean {
  if (point === undefined) return false
  return (point >= 48 && point <= 57) || (point >= 65 && point <= 90) || point === 95 || (point >= 97 && point <= 122)
}

const matchers = new WeakMap<Regex, RegexMatcher>()

/** Whether the text, seen as it is stored, matches. What was prepared for a regular expression lasts as long as the expression. */
export function matchesRegex(regex: Regex, text: string): boolean {
  let matcher = matchers.get(regex)
  if (matcher === undefined) matchers.set(regex, (matcher = new RegexMatcher(regex)))
  return matcher.test(escapeText(text))
}
