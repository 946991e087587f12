/** Whether a value is too old to be taken for the present one. Pure. */

/** Without knowing how often a signal comes. */
const OLD_MS = 60_000
/** A value is old after so many of its usual distances. */
const DISTANCES = 10
/** Not sooner than this, whatever the distance. */
const SOONEST_MS = 10_000

export function isOld(ageMs: number, usualDistanceMs: number | undefined): boolean {
  if (usualDistanceMs === undefined) return ageMs > OLD_MS
  return ageMs > Math.max(DISTANCES * usualDistanceMs, SOONEST_MS)
}

/** How old a value is; `offset`: how far the machine's clock is ahead of the platform's. */
export function ageOf(ts: number, now: number, offsetMs: number | null | undefined): number {
  return Math.max(0, now - (ts - (offsetMs ?? 0)))
}
