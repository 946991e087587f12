/** How a rule would have seen a signal's history: an estimate for the preview, not the detection. */

/** Unix milliseconds and the value; null where there was none. */
export type Point = readonly [number, number | null, ...unknown[]]

export interface Limits {
  direction: 'above' | 'below'
  limit: number
  /** Back on this side all is well; the limit itself without it. */
  clearAt?: number
  holdMs: number
}

export interface Beyond {
  /** How often the value went beyond the limit. */
  times: number
  /** How long it was there in all, in milliseconds. */
  totalMs: number
  longestMs: number
  /** How often it stayed for the hold time: alarms that the rule would have raised. */
  alarms: number
}

/**
 * Goes through the points, oldest first. A value lasts until the next point, but no longer than
 * `lastsMs`: what was during a silence isn't known, and ends what was going on.
 */
export function beyond(points: readonly Point[], limits: Limits, lastsMs: number): Beyond {
  const found: Beyond = { times: 0, totalMs: 0, longestMs: 0, alarms: 0 }
  let since: number | undefined
  const end = (at: number) => {
    if (since === undefined) return
    const ms = at - since
    found.totalMs += ms
    found.longestMs = Math.max(found.longestMs, ms)
    if (ms >= limits.holdMs) found.alarms += 1
    since = undefined
  }
  points.forEach(([at, value], index) => {
    if (value === null) return end(at)
    if (since === undefined && isBeyond(value, limits)) {
      since = at
      found.times += 1
    } else if (since !== undefined && isBack(value, limits)) end(at)
    const next = points[index + 1]?.[0]
    if (next === undefined || next - at > lastsMs) end(at + lastsMs)
  })
  return found
}

function isBeyond(value: number, { direction, limit }: Limits): boolean {
  return direction === 'above' ? value > limit : value < limit
}

function isBack(value: number, { direction, limit, clearAt }: Limits): boolean {
  const back = clearAt ?? limit
  return direction === 'above' ? value <= back : value >= back
}

/** How long a value lasts: twice the usual distance of points, whatever a few silences say. */
export function lastsMs(points: readonly Point[]): number {
  const distances = points
    .slice(1)
    .map(([at], index) => at - (points[index]?.[0] ?? at))
    .sort((a, b) => a - b)
  return 2 * (distances[Math.floor(distances.length / 2)] ?? 0)
}
