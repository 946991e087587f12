/** Puts series onto one time axis, as uPlot wants them. Pure, in linear time. */
import { gapThreshold } from './gaps'
import type { NumberSeries } from './series'

/** A value, null where the line is broken, undefined where only another series has a value. */
export type Cell = number | null | undefined

export interface Aligned {
  /** Unix milliseconds, ascending. */
  xs: number[]
  /** For each series its mean and, unless its points are as received, smallest and largest. */
  columns: SeriesColumns[]
}

export interface SeriesColumns {
  mean: Cell[]
  band: { min: Cell[]; max: Cell[] } | undefined
}

interface Reader {
  points: NumberSeries['points']
  columns: SeriesColumns
  longest: number
  next: number
  /** Whether the line is broken until the next point. */
  broken: boolean
}

export function align(series: readonly NumberSeries[]): Aligned {
  const xs: number[] = []
  const readers = series.map(reader)
  for (;;) {
    const at = earliest(readers)
    if (at === undefined) break
    // A break needs a row of its own when the series' next point is the next row.
    if (readers.some((each) => each.broken && each.points[each.next]?.[0] === at)) {
      xs.push(((xs.at(-1) ?? at) + at) / 2)
      readers.forEach((each) => push(each, each.broken ? null : undefined))
    }
    xs.push(at)
    readers.forEach((each) => read(each, at))
  }
  return { xs, columns: readers.map((each) => each.columns) }
}

function reader(series: NumberSeries): Reader {
  const band = series.resolution > 0 ? { min: [], max: [] } : undefined
  const columns = { mean: [], band }
  return { points: series.points, columns, longest: gapThreshold(series), next: 0, broken: false }
}

function earliest(readers: readonly Reader[]): number | undefined {
  let found: number | undefined
  for (const { points, next } of readers) {
    const at = points[next]?.[0]
    if (at !== undefined && (found === undefined || at < found)) found = at
  }
  return found
}

/** Adds the row of a time: the reader's point of that time, or what stands for none. */
function read(reader: Reader, at: number): void {
  const point = reader.points[reader.next]
  if (!point || point[0] !== at) {
    push(reader, reader.broken ? null : undefined)
    return
  }
  const [, mean, min, max] = point
  reader.columns.mean.push(mean)
  reader.columns.band?.min.push(min)
  reader.columns.band?.max.push(max)
  // A point of the same time again adds nothing.
  do reader.next += 1
  while (reader.points[reader.next]?.[0] === at)
  const following = reader.points[reader.next]
  reader.broken = following !== undefined && following[0] - at > reader.longest
}

function push({ columns }: Reader, cell: Cell): void {
  columns.mean.push(cell)
  columns.band?.min.push(cell)
  columns.band?.max.push(cell)
}
