/** Which time the chart shows, and how often it is asked for. Pure. */

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

export const SPANS = [
  { key: '5min', ms: 5 * MINUTE },
  { key: '15min', ms: 15 * MINUTE },
  { key: '1h', ms: HOUR },
  { key: '24h', ms: DAY },
  { key: '7d', ms: 7 * DAY },
  { key: '30d', ms: 30 * DAY },
] as const

export type SpanKey = (typeof SPANS)[number]['key']

/** The last so many milliseconds, moving on; or a time that stays. */
export type Shown = { kind: 'last'; span: SpanKey } | { kind: 'fixed'; from: number; to: number }

export function spanMs(key: SpanKey): number {
  return SPANS.find((span) => span.key === key)?.ms ?? HOUR
}

/** How often the history of a moving time is asked for again; live samples fill the rest. */
export function refreshMs(ms: number): number {
  return Math.min(Math.max(ms / 5, MINUTE), 5 * MINUTE)
}

/** The end of a moving time: no more often new than a pixel's worth. */
export function endOf(now: number, ms: number): number {
  const step = Math.max(1_000, ms / 1_000)
  return Math.ceil(now / step) * step
}

/** Points to ask for: as many as there are pixels, in steps, so that resizing asks seldom. */
export function pointsFor(width: number): number {
  return Math.min(Math.max(Math.round(width / 100) * 100, 500), 2_000)
}
