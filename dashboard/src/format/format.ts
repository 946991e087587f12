/** How times, numbers and sizes look: the one place for it. Pure; the locale is an argument. */

/** A moment as the API gives it (RFC 3339) or in Unix milliseconds. */
export type Moment = string | number

/** Shown where there is no value. */
export const NOTHING = '–'

const LOCALES: Record<string, string> = { en: 'en-GB', de: 'de-DE' }

function locale(language: string): string {
  return LOCALES[language] ?? language
}

const formatters = new Map<string, Intl.DateTimeFormat>()

function dates(language: string, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const key = language + JSON.stringify(options)
  let formatter = formatters.get(key)
  if (!formatter) {
    formatter = new Intl.DateTimeFormat(locale(language), options)
    formatters.set(key, formatter)
  }
  return formatter
}

export function millis(moment: Moment): number {
  return typeof moment === 'number' ? moment : Date.parse(moment)
}

/** Date and time to the second, in the reader's time zone: `25 Nov 2026, 13:05:09`. */
export function dateTime(
  moment: Moment | null | undefined,
  language: string,
  timeZone?: string,
): string {
  if (moment === null || moment === undefined) return NOTHING
  return dates(language, { dateStyle: 'medium', timeStyle: 'medium', timeZone }).format(
    millis(moment),
  )
}

/** The date alone. */
export function date(
  moment: Moment | null | undefined,
  language: string,
  timeZone?: string,
): string {
  if (moment === null || moment === undefined) return NOTHING
  return dates(language, { dateStyle: 'medium', timeZone }).format(millis(moment))
}

/** The time of day to the second. */
export function timeOfDay(
  moment: Moment | null | undefined,
  language: string,
  timeZone?: string,
): string {
  if (moment === null || moment === undefined) return NOTHING
  return dates(language, { timeStyle: 'medium', timeZone }).format(millis(moment))
}

/** The time of day for an axis, to the minute or the second. */
export function clock(moment: Moment, language: string, seconds: boolean): string {
  const second = seconds ? ('2-digit' as const) : undefined
  return dates(language, { hour: '2-digit', minute: '2-digit', second }).format(millis(moment))
}

/** Day and month for an axis: `25 Nov`. */
export function dayMonth(moment: Moment, language: string): string {
  return dates(language, { day: 'numeric', month: 'short' }).format(millis(moment))
}

const UNITS: [Intl.RelativeTimeFormatUnit, number][] = [
  ['day', 86_400],
  ['hour', 3_600],
  ['minute', 60],
]

/** How long ago or ahead: `3 minutes ago`; under a minute in seconds. */
export function relative(moment: Moment | null | undefined, now: number, language: string): string {
  if (moment === null || moment === undefined) return NOTHING
  const seconds = (millis(moment) - now) / 1000
  const words = new Intl.RelativeTimeFormat(locale(language), { numeric: 'auto' })
  for (const [unit, size] of UNITS) {
    if (Math.abs(seconds) >= size) return words.format(Math.trunc(seconds / size), unit)
  }
  return words.format(Math.trunc(seconds), 'second')
}

/** A duration in its two largest parts: `2 h 5 min`. Milliseconds. */
export function duration(ms: number, language: string): string {
  const negative = ms < 0 ? '−' : ''
  const total = Math.abs(ms)
  if (total < 1000) return `${negative}${number(total, language, 0)} ms`
  const s = Math.floor(total / 1000)
  const parts: [number, string][] = [
    [Math.floor(s / 86_400), 'd'],
    [Math.floor(s / 3_600) % 24, 'h'],
    [Math.floor(s / 60) % 60, 'min'],
    [s % 60, 's'],
  ]
  const first = parts.findIndex(([value]) => value > 0)
  const shown = parts.slice(first, first + 2).filter(([value]) => value > 0)
  return negative + shown.map(([value, unit]) => `${value} ${unit}`).join(' ')
}

/** A number with at most so many decimals; without a limit, with as many as its size makes sense. */
export function number(value: number, language: string, decimals?: number): string {
  const size = Math.abs(value)
  const most = decimals ?? (size >= 1000 ? 0 : size >= 100 ? 1 : size >= 1 || size === 0 ? 2 : 4)
  return new Intl.NumberFormat(locale(language), { maximumFractionDigits: most }).format(value)
}

/** A measured value with its unit: number, boolean as 0/1 words by the caller, text as it is. */
export function measured(
  value: unknown,
  unit: string | null | undefined,
  language: string,
): string {
  if (value === null || value === undefined) return NOTHING
  if (typeof value === 'number') {
    return unit ? `${number(value, language)}\u00a0${unit}` : number(value, language)
  }
  return typeof value === 'string' ? value : JSON.stringify(value)
}

/** Bytes in powers of 1024: `1.5 MiB`. */
export function bytes(count: number, language: string): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB']
  let value = count
  let unit = 0
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024
    unit += 1
  }
  return `${number(value, language, unit === 0 ? 0 : 1)} ${units[unit]}`
}
