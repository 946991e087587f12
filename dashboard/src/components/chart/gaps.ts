/** Where a signal was silent for longer than it usually is. Pure. */
import type { NumberSeries } from './series'

/** A time without values, in Unix milliseconds. */
export interface Gap {
  from: number
  to: number
}

/** A silence is a gap when it is longer than this many resolutions, and usual distances. */
const FACTOR = 3
/** No silence up to this counts as a gap, in milliseconds. */
const SHORTEST_MS = 5_000
/** Distances that are looked at for the usual one; more wouldn't change it. */
const DISTANCES_MAX = 1_001

type Points = readonly (readonly [number, ...unknown[]])[]

/** The usual distance between two points in milliseconds; 0 for fewer than two. */
export function medianDistance(points: Points): number {
  const count = points.length - 1
  if (count < 1) return 0
  const stride = Math.max(1, Math.floor(count / DISTANCES_MAX))
  const distances: number[] = []
  for (let i = 1; i <= count; i += stride) {
    distances.push((points[i]?.[0] ?? 0) - (points[i - 1]?.[0] ?? 0))
  }
  distances.sort((a, b) => a - b)
  return distances[Math.floor(distances.length / 2)] ?? 0
}

/** The longest distance between two points that still belong together, in milliseconds. */
export function gapThreshold(series: Pick<NumberSeries, 'points' | 'resolution'>): number {
  return Math.max(
    FACTOR * series.resolution * 1000,
    FACTOR * medianDistance(series.points),
    SHORTEST_MS,
  )
}

/**
 * The gaps of one series within a time, the silence before the first and after the last point
 * included. A point stands for `resolution` seconds from its time on.
 */
export function gapsOf(series: NumberSeries, from: number, to: number): Gap[] {
  const longest = gapThreshold(series)
  const gaps: Gap[] = []
  let last: number | undefined
  for (const point of series.points) {
    const [at, mean] = point
    if (mean === null) continue
    const since = last ?? from
    if (at - since > longest) add(gaps, since, at, from, to)
    last = at
  }
  const since = last ?? from
  if (to - since > longest) add(gaps, since + (last ? series.resolution * 1000 : 0), to, from, to)
  return gaps
}

function add(gaps: Gap[], start: number, end: number, from: number, to: number): void {
  const gap = { from: Math.max(start, from), to: Math.min(end, to) }
  if (gap.to > gap.from) gaps.push(gap)
}

/** The times that lie in a gap of each of the series: nothing was heard at all. */
export function commonGaps(series: readonly NumberSeries[], from: number, to: number): Gap[] {
  const [first, ...others] = series
  if (!first) return []
  let common = gapsOf(first, from, to)
  for (const other of others) common = intersect(common, gapsOf(other, from, to))
  return common
}

function intersect(a: readonly Gap[], b: readonly Gap[]): Gap[] {
  const both: Gap[] = []
  let i = 0
  let j = 0
  for (let x = a[0], y = b[0]; x && y; x = a[i], y = b[j]) {
    const start = Math.max(x.from, y.from)
    const end = Math.min(x.to, y.to)
    if (end > start) both.push({ from: start, to: end })
    if (x.to < y.to) i += 1
    else j += 1
  }
  return both
}
