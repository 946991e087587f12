/** The history and what came after it, as the chart wants them. Pure. */
import type { Signal, TelemetrySeries } from '../../../api/types'
import type { ChartSeries, NumberSeries, StateSeries } from '../../../components/chart/series'
import type { LivePoint } from './liveStore'

type Live = ReadonlyMap<string, readonly LivePoint[]>

/** Whether it is a text of which not each value was looked at. */
export function isCoarse({ kind, resolution }: TelemetrySeries): boolean {
  return kind === 'text' && resolution > 0
}

/** The chosen signals, in their order; a signal that has no values yet is an empty line. */
export function mergeSeries(
  signals: readonly Signal[],
  history: readonly TelemetrySeries[],
  live: Live,
): ChartSeries[] {
  return signals.map((signal) => {
    const past = history.find((each) => each.signal === signal.signal)
    const newer = live.get(signal.signal) ?? []
    return signal.kind === 'boolean' || signal.kind === 'text'
      ? states(signal, signal.kind, past, newer)
      : numbers(signal, past, newer)
  })
}

function numbers(
  { signal, unit }: Signal,
  past: TelemetrySeries | undefined,
  newer: readonly LivePoint[],
): NumberSeries {
  const points = ((past?.points ?? []) as NumberSeries['points']).slice()
  let last = points.at(-1)?.[0] ?? -Infinity
  for (const { at, value } of newer) {
    if (at <= last || typeof value === 'string' || typeof value === 'boolean') continue
    points.push([at, value, value, value])
    last = at
  }
  return { kind: 'number', signal, unit, resolution: past?.resolution ?? 0, points }
}

function states(
  { signal, unit }: Signal,
  kind: StateSeries['kind'],
  past: TelemetrySeries | undefined,
  newer: readonly LivePoint[],
): StateSeries {
  const points = ((past?.points ?? []) as StateSeries['points']).slice()
  // Beyond the changes that were given nothing is known until the next live sample.
  if (past?.truncated) points.push([(points.at(-1)?.[0] ?? 0) + 1, null])
  let last = points.at(-1)
  for (const { at, value } of newer) {
    if (typeof value === 'number' || at <= (last?.[0] ?? -Infinity) || value === last?.[1]) continue
    last = [at, value]
    points.push(last)
  }
  return { kind, signal, unit, points }
}
