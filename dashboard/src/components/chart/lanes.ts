/** Text and boolean signals as bands below the lines: which value lasted from when to when. Pure. */
import type { StateSeries } from './series'

export type StateValue = string | boolean

export interface Segment {
  from: number
  to: number
  value: StateValue
}

export interface Lane {
  signal: string
  kind: StateSeries['kind']
  segments: Segment[]
}

/** Heights in CSS pixels. */
export const LANE = { name: 14, band: 16, gap: 6 } as const
export const LANE_HEIGHT = LANE.name + LANE.band + LANE.gap

/** Colours that a text's values can have. */
export const STATE_COLORS = 6

/** What a series was within a time; the last value lasts to its end. */
export function laneOf(series: StateSeries, from: number, to: number): Lane {
  const segments: Segment[] = []
  series.points.forEach(([at, value], index) => {
    const start = Math.max(at, from)
    const end = Math.min(series.points[index + 1]?.[0] ?? to, to)
    if (value === null || end <= start) return
    const last = segments.at(-1)
    if (last && last.value === value && last.to === start) last.to = end
    else segments.push({ from: start, to: end, value })
  })
  return { signal: series.signal, kind: series.kind, segments }
}

/** Where a lane's band lies below the plot, in CSS pixels. */
export function laneTop(index: number): { name: number; band: number } {
  const name = LANE.gap + index * LANE_HEIGHT
  return { name, band: name + LANE.name }
}

/** The same colour for the same value, on every machine. */
export function colorIndex(value: StateValue): number {
  if (typeof value === 'boolean') return value ? 0 : STATE_COLORS
  let hash = 7
  for (let i = 0; i < value.length; i += 1) hash = (hash * 31 + value.charCodeAt(i)) >>> 0
  return hash % STATE_COLORS
}

/** Which values a lane has, in the order of their first appearance; at most so many. */
export function valuesOf({ segments }: Lane, most: number): StateValue[] {
  const values = new Set<StateValue>()
  for (const { value } of segments) {
    if (values.size === most) break
    values.add(value)
  }
  return [...values]
}
