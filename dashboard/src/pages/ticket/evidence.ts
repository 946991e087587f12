/** What was copied around an alarm, as a chart shows it. Pure. */
import type { Alarm, Evidence } from '../../api/types'
import type { ChartMark, ChartSeries } from '../../components/chart/series'

/** Signals that are shown at once. */
export const SHOWN_MAX = 4
const SHOWN_FIRST = 2

type Series = Evidence['series'][number]
/** OpenAPI can't say what is in a point: Unix milliseconds and the value. */
type Point = readonly [number, number | boolean | string | null]

export function pointsOf(series: Series): Point[] {
  return series.points as unknown as Point[]
}

export function kindOf(series: Series): ChartSeries['kind'] {
  const kinds = new Set(pointsOf(series).map(([, value]) => (value === null ? '' : typeof value)))
  if (kinds.has('string')) return 'text'
  return kinds.has('boolean') ? 'boolean' : 'number'
}

export function chartSeries(series: Series, unit: string | null | undefined): ChartSeries {
  const { signal } = series
  const kind = kindOf(series)
  if (kind === 'number') {
    const points = pointsOf(series).map(([at, value]) => {
      const number = typeof value === 'number' ? value : null
      return [at, number, number, number] as const
    })
    return { kind, signal, unit, resolution: 0, points }
  }
  const points = pointsOf(series).map(([at, value]) => {
    const state = typeof value === 'number' ? String(value) : value
    return [at, state] as const
  })
  return { kind, signal, unit, points }
}

/** Numbers first, of these what goes up and down, of these what belongs to the part that the alarm names. */
export function ordered(evidence: Evidence, source: string | undefined): Series[] {
  const rank = (series: Series) =>
    (kindOf(series) === 'number' ? 0 : 4) +
    (moves(series) && !counts(series) ? 0 : 2) +
    (source && series.signal.startsWith(source) ? 0 : 1)
  return evidence.series
    .map((series) => ({ series, rank: rank(series) }))
    .sort((a, b) => a.rank - b.rank)
    .map(({ series }) => series)
}

/** What is shown until somebody chooses. */
export function firstShown(series: readonly Series[]): string[] {
  return series.slice(0, SHOWN_FIRST).map(({ signal }) => signal)
}

function moves(series: Series): boolean {
  const points = pointsOf(series)
  return points.some(([, value]) => value !== points[0]?.[1])
}

/** Whole numbers that never fall, such as a count of parts: they say little about a fault. */
function counts(series: Series): boolean {
  const values = pointsOf(series).map(([, value]) => value)
  return values.every((value, index) => {
    const before = values[index - 1]
    return Number.isInteger(value) && (typeof before !== 'number' || Number(value) >= before)
  })
}

/** The time that the samples cover, within what the evidence is about. */
export function spanOf(evidence: Evidence): { from: number; to: number } {
  const whole = { from: Date.parse(evidence.from), to: Date.parse(evidence.to) }
  const times = evidence.series.flatMap((series) => {
    const points = pointsOf(series)
    const [first, last] = [points[0], points[points.length - 1]]
    return first && last ? [first[0], last[0]] : []
  })
  if (times.length === 0) return whole
  const from = Math.max(whole.from, Math.min(...times))
  const to = Math.min(whole.to, Math.max(...times))
  return from < to ? { from, to } : whole
}

/** The alarm over the time that it was active. */
export function markOf(alarm: Alarm, label: string): ChartMark {
  return {
    kind: 'alarm',
    at: Date.parse(alarm.raised_at),
    until: alarm.cleared_at ? Date.parse(alarm.cleared_at) : undefined,
    label,
    severity: alarm.severity,
  }
}
