/** What a machine's clock is worth. Pure. */
export type ClockWorth = 'good' | 'poor' | 'unknown'

/** Up to here the clock's error doesn't matter; the way to the platform is a part of it. */
const GOOD_MS = 2_000

export function worthOf(offsetMs: number | null | undefined): ClockWorth {
  if (offsetMs === null || offsetMs === undefined) return 'unknown'
  return Math.abs(offsetMs) <= GOOD_MS ? 'good' : 'poor'
}

/** Whole days until a time; negative once it has passed. */
export function daysLeft(until: number, now: number): number {
  return Math.floor((until - now) / 86_400_000)
}
