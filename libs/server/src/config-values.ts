import { z } from 'zod'
import { type ModelPrice, type ServedService, servedServices } from './config-type.js'

/** Forms of the values of settings. Flags and variables are text, files have types of their own: each takes both. */
export const wholeNumber = (least: number, most: number): z.ZodType<number> =>
  z.preprocess(
    (value) => (typeof value === 'string' && /^-?\d+$/.test(value.trim()) ? Number(value) : value),
    z.int(`must be a whole number from ${least} to ${most}`).min(least).max(most),
  )

export const fraction: z.ZodType<number> = z.preprocess(
  (value) => (typeof value === 'string' && /^\d*\.?\d+$/.test(value.trim()) ? Number(value) : value),
  z.number('must be a number from 0 to 1').min(0).max(1),
)

export const yesOrNo: z.ZodType<boolean> = z.preprocess((value) => {
  if (value === 'true' || value === '1') return true
  return value === 'false' || value === '0' ? false : value
}, z.boolean('must be true or false'))

export const text: z.ZodString = z.string().min(1)
export const address: z.ZodString = text.regex(
  /^(\[[^\]]+\]|[^:[\]\s]+):\d{1,5}$/,
  'must be HOST:PORT, as 127.0.0.1:9095 or [::1]:9095',
)
const serviceAddress = text.regex(
  /^(tls:\/\/)?(\[[^\]]+\]|[^:[\]\s/]+):\d{1,5}$/,
  'must be HOST:PORT, or tls://HOST:PORT',
)
export const databaseUrl: z.ZodString = text.regex(
  /^(postgres(ql)?:\/\/.|embedded:.|memory:$)/,
  'must be postgres://…, embedded:FOLDER or memory:',
)
export const redisUrl: z.ZodString = text.regex(/^rediss?:\/\/[^/\s]/, 'must be redis://… or rediss://…')
export const redisUrls: z.ZodType<string[]> = z.preprocess(
  (value) => (typeof value === 'string' ? value.split(',').map((url) => url.trim()) : value),
  z.array(redisUrl).min(1),
)
export const listOfTexts: z.ZodType<string[]> = z.preprocess(
  (value) =>
    typeof value === 'string' ? value.split(',').flatMap((one) => (one.trim() === '' ? [] : [one.trim()])) : value,
  z.array(text),
)
export const accepted: z.ZodType<('none' | 'keys' | 'jwt')[]> = z.preprocess(
  (value) => (typeof value === 'string' ? value.split(',').map((one) => one.trim()) : value),
  z
    .array(z.enum(['none', 'keys', 'jwt'], 'must be none, keys, jwt or keys,jwt'))
    .min(1)
    .refine((kinds) => kinds.length === 1 || !kinds.includes('none'), 'must be none by itself, or credentials'),
)
export const listOfServices: z.ZodType<ServedService[]> = z.preprocess(
  (value) => (typeof value === 'string' ? value.split(',').map((one) => one.trim()) : value),
  z.array(z.enum(servedServices, `must be some of ${servedServices.join(', ')}`)).min(1),
)
export const namedAddresses: z.ZodType<Record<string, string>> = z.preprocess(
  (value) =>
    typeof value === 'string'
      ? Object.fromEntries(
          value.split(',').flatMap((one) => (one.trim() === '' ? [] : [one.trim().split('=', 2) as [string, string]])),
        )
      : value,
  z.record(text, serviceAddress),
)
export const namedNumbers: z.ZodType<Record<string, number>> = z.preprocess(
  (value) =>
    typeof value === 'string'
      ? Object.fromEntries(
          value.split(',').flatMap((one) => {
            const [name = '', number] = one.trim().split('=', 2)
            return name === '' ? [] : [[name, number] as const]
          }),
        )
      : value,
  z.record(text, z.coerce.number().pipe(z.int().min(1).max(1_000_000))),
)
export const rate: z.ZodType<number> = z.preprocess(
  (value) => (typeof value === 'string' && /^\d+(\.\d+)?$/.test(value.trim()) ? Number(value) : value),
  z.number('must be a number greater than 0').positive().max(1_000_000),
)
export const namedRates: z.ZodType<Record<string, number>> = z.preprocess(
  (value) =>
    typeof value === 'string'
      ? Object.fromEntries(
          value.split(',').flatMap((one) => (one.trim() === '' ? [] : [one.trim().split('=', 2) as [string, string]])),
        )
      : value,
  z.record(text, rate),
)
export const httpUrl: z.ZodString = text.regex(/^https?:\/\/[^/\s]/, 'must be an http:// or https:// URL')
export const longestMs: number = 2 ** 31 - 1

const units = ['inputTokens', 'outputTokens', 'audioMs', 'characters', 'images', 'computeMs'] as const
const priceForm = 'must be a currency and a price for each unit, as USD inputTokens=0.00000015,outputTokens=0.0000006'
const decimal = z.string().regex(/^\d{1,12}(\.\d{1,18})?$/, priceForm)

export const price: z.ZodType<ModelPrice> = z.preprocess(
  (value) => {
    const [, currency, list] = (typeof value === 'string' ? /^\s*([A-Z]{3})\s+(\S.*)$/.exec(value) : null) ?? []
    if (currency === undefined || list === undefined) return value
    const pairs = list.split(/[\s,]+/).map((pair) => pair.split('='))
    return { currency, per: Object.fromEntries(pairs.map(([unit = '', amount = '']) => [unit, amount])) }
  },
  z.strictObject(
    {
      currency: z.string().regex(/^[A-Z]{3}$/, priceForm),
      per: z.partialRecord(z.enum(units), decimal, priceForm),
    },
    priceForm,
  ),
)
