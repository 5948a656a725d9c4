import { invalidField } from '@holdfast/errors'
import type { JobCost, JobUsage } from './job-model.js'

/** What a model's work costs. */
export interface Price {
  /** ISO 4217: `USD`. */
  readonly currency: string
  /** Of one unit each, as a decimal: `{ inputTokens: '0.00000015' }`. */
  readonly per: { readonly [Unit in keyof JobUsage]?: string }
}

/** By the name of the model. */
export type Prices = Readonly<Record<string, Price>>

const decimal = /^(\d{1,12})(?:\.(\d{1,18}))?$/

/** @throws INVALID_ARGUMENT naming the price at fault */
export function checkPrices(prices: Prices): void {
  for (const [model, { currency, per }] of Object.entries(prices)) {
    if (!/^[A-Z]{3}$/.test(currency))
      throw invalidField(`prices.${model}.currency`, 'must be three capitals, as in ISO 4217')
    for (const [unit, price] of Object.entries(per)) {
      if (!decimal.test(price)) throw invalidField(`prices.${model}.per.${unit}`, "must be a decimal like '0.00000015'")
    }
  }
}

/** Exact: a sum of whole units at decimal prices. `undefined` without a price, or when nothing that has one was used. */
export function costOf(price: Price | undefined, usage: JobUsage | undefined): JobCost | undefined {
  if (price === undefined || usage === undefined) return undefined
  let sum = 0n
  let isKnown = false
  for (const [unit, each] of Object.entries(price.per)) {
    const used = usage[unit as keyof JobUsage]
    if (used === undefined) continue
    isKnown = true
    sum += BigInt(Math.round(used)) * scaled(each)
  }
  return isKnown ? { amount: text(sum), currency: price.currency } : undefined
}

const digits = 18

function scaled(price: string): bigint {
  const [, whole = '0', fraction = ''] = decimal.exec(price) ?? []
  return BigInt(whole + fraction.padEnd(digits, '0'))
}

function text(sum: bigint): string {
  const padded = sum.toString().padStart(digits + 1, '0')
  const fraction = padded.slice(-digits).replace(/0+$/, '')
  return padded.slice(0, -digits) + (fraction === '' ? '' : `.${fraction}`)
}

export function addUsage(before: JobUsage | undefined, added: JobUsage): JobUsage {
  const sum: Record<string, number> = { ...before }
  for (const [unit, value] of Object.entries(added)) {
    if (typeof value !== 'number' || !Number.isFinite(value) || value < 0) {
      throw invalidField(`usage.${unit}`, 'must be a number of units, not negative')
    }
    sum[unit] = (sum[unit] ?? 0) + value
  }
  return sum
}
