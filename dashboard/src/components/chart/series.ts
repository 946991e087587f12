/** What a chart shows. */
import type { Severity } from '../../api/types'

export interface NumberSeries {
  kind: 'number'
  signal: string
  unit?: string | null
  /** Seconds that a point stands for; 0 for points as received. A longer silence is a gap. */
  resolution: number
  /** Unix milliseconds, mean, smallest, largest; null where there was no value. */
  points: readonly (readonly [number, number | null, number | null, number | null])[]
}

export interface StateSeries {
  kind: 'boolean' | 'text'
  signal: string
  unit?: string | null
  /** Unix milliseconds and the value from then on. */
  points: readonly (readonly [number, string | boolean | null])[]
}

export type ChartSeries = NumberSeries | StateSeries

/** Something that happened at a time, or over a time. */
export interface ChartMark {
  kind: 'alarm' | 'command' | 'failure'
  /** Unix milliseconds. */
  at: number
  /** Its end; without one it lasts (alarm), or was a moment (command). */
  until?: number | null
  label: string
  severity?: Severity
  /** Page about it. */
  to?: string
}

/** A horizontal line, such as a rule's limit. */
export interface ChartLimit {
  value: number
  label: string
  /** The signal that it is a limit of; the first one's scale without it. */
  signal?: string
}
