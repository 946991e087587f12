/**
 * A machine's newest samples in this tab: bounded, and told to its readers at most twice a second,
 * however fast they come.
 */
import type { LiveSample } from '../../../api/types'

/** Samples kept of each signal in the chart; long before that, the history is asked for again. */
export const POINTS_MAX = 4_000
/** Signals whose newest value is kept. */
const SIGNALS_MAX = 2_000
const TELL_MS = 500
/** How much a new distance counts in the usual one. */
const WEIGHT = 0.2

export interface LivePoint {
  at: number
  value: number | string | boolean | null
}

export interface Newest {
  sample: LiveSample
  /** Usual milliseconds between two samples, once there were two. */
  distance: number | undefined
}

export interface Snapshot {
  /** Of the kept signals, oldest first. */
  points: ReadonlyMap<string, readonly LivePoint[]>
  newest: ReadonlyMap<string, Newest>
  /** Whether samples had to be dropped that only the history has now. */
  isFull: boolean
}

const EMPTY: Snapshot = { points: new Map(), newest: new Map(), isFull: false }

export class LiveStore {
  private readonly points = new Map<string, LivePoint[]>()
  private readonly newest = new Map<string, Newest>()
  private readonly listeners = new Set<() => void>()
  private kept = new Set<string>()
  private isFull = false
  private current = EMPTY
  private timer: ReturnType<typeof setTimeout> | undefined

  /** The signals whose samples are kept; those of others are forgotten. */
  keep(signals: readonly string[]): void {
    this.kept = new Set(signals)
    for (const signal of this.points.keys()) if (!this.kept.has(signal)) this.points.delete(signal)
  }

  add(sample: LiveSample): void {
    const at = Date.parse(sample.ts)
    const before = this.newest.get(sample.signal)
    const last = before ? Date.parse(before.sample.ts) : undefined
    // What comes late or twice has its place in the history.
    if (last !== undefined && at <= last) return
    if (before || this.newest.size < SIGNALS_MAX) {
      this.newest.set(sample.signal, { sample, distance: distance(before, last, at) })
    }
    if (this.kept.has(sample.signal)) this.push(sample, at)
    this.timer ??= setTimeout(() => this.tell(), TELL_MS)
  }

  /** Forgets what the history has by now. */
  forget(until: number): void {
    this.isFull = false
    for (const [signal, points] of this.points) {
      this.points.set(
        signal,
        points.filter(({ at }) => at > until),
      )
    }
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }

  readonly snapshot = (): Snapshot => this.current

  private push(sample: LiveSample, at: number): void {
    const points = this.points.get(sample.signal) ?? []
    this.points.set(sample.signal, points)
    points.push({ at, value: sample.value as LivePoint['value'] })
    if (points.length > POINTS_MAX) {
      points.splice(0, POINTS_MAX / 2)
      this.isFull = true
    }
  }

  private tell(): void {
    this.timer = undefined
    const points = new Map([...this.points].map(([signal, all]) => [signal, all.slice()]))
    this.current = { points, newest: new Map(this.newest), isFull: this.isFull }
    this.listeners.forEach((listener) => listener())
  }
}

function distance(
  before: Newest | undefined,
  last: number | undefined,
  at: number,
): number | undefined {
  if (last === undefined) return undefined
  const usual = before?.distance
  return usual === undefined ? at - last : usual + WEIGHT * (at - last - usual)
}
