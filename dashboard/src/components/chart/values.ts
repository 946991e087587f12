/** Values at a time, and as a table. Pure. */
import { gapThreshold } from './gaps'
import type { ChartSeries } from './series'

export type Value = number | string | boolean | null

/** The index of the last point at or before a time; -1 when there is none. */
export function lastAt(points: readonly (readonly [number, ...unknown[]])[], at: number): number {
  let low = 0
  let high = points.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((points[middle]?.[0] ?? 0) <= at) low = middle + 1
    else high = middle
  }
  return low - 1
}

/** A series' value at a time; null in a gap and before the first. Without a time, the newest. */
export function valueAt(series: ChartSeries, at: number | undefined): Value {
  const index = at === undefined ? series.points.length - 1 : lastAt(series.points, at)
  const point = series.points[index]
  if (!point) return null
  if (series.kind === 'number' && at !== undefined && at - point[0] > gapThreshold(series)) {
    return null
  }
  return point[1]
}

export interface TableRow {
  at: number
  values: Value[]
}

/** The newest rows of all points up to `to`, newest first; `cut` when there are more. */
export function tableRows(
  series: readonly ChartSeries[],
  from: number,
  to: number,
  most: number,
): { rows: TableRow[]; cut: boolean } {
  const cursors = series.map(({ points }) => lastAt(points, to))
  const rows: TableRow[] = []
  for (;;) {
    const at = latest(series, cursors, from)
    if (at === undefined) return { rows, cut: false }
    if (rows.length === most) return { rows, cut: true }
    rows.push({ at, values: series.map((each, i) => cell(each, cursors[i] ?? -1, at)) })
    series.forEach(({ points }, i) => {
      let cursor = cursors[i] ?? -1
      while (points[cursor]?.[0] === at) cursor -= 1
      cursors[i] = cursor
    })
  }
}

function latest(
  series: readonly ChartSeries[],
  cursors: readonly number[],
  from: number,
): number | undefined {
  let found: number | undefined
  series.forEach(({ points }, i) => {
    const at = points[cursors[i] ?? -1]?.[0]
    if (at !== undefined && at >= from && (found === undefined || at > found)) found = at
  })
  return found
}

/** A number only at its own time; a state lasts. */
function cell(series: ChartSeries, cursor: number, at: number): Value {
  const point = series.points[cursor]
  if (!point || (series.kind === 'number' && point[0] !== at)) return null
  return point[1]
}
