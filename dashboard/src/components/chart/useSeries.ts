import { useMemo } from 'react'
import { useTelemetry } from '../../api/machines'
import type { TelemetrySeries } from '../../api/types'
import type { ChartSeries, NumberSeries, StateSeries } from './series'
import type { Range } from './zoom'

/** Points of a line, and changes of a state that are asked for. */
const POINTS = 2_000

/** A machine's stored signals over a time, in their order, for a chart. */
export function useSeries(machineId: string | undefined, signals: readonly string[], range: Range) {
  const query = useTelemetry(
    machineId ?? '',
    { signals: [...signals], from: range.from, to: range.to, points: POINTS },
    { enabled: machineId !== undefined },
  )
  const { data } = query
  const wanted = JSON.stringify(signals)
  const series = useMemo(() => {
    const order = JSON.parse(wanted) as string[]
    // The client's types make arrays of the points' tuples.
    const received = (data?.series ?? []) as TelemetrySeries[]
    return received
      .filter(({ signal }) => order.includes(signal))
      .sort((a, b) => order.indexOf(a.signal) - order.indexOf(b.signal))
      .map(chartSeries)
  }, [data, wanted])
  return { query, series }
}

function chartSeries(received: TelemetrySeries): ChartSeries {
  const { signal, unit, kind, resolution } = received
  if (kind !== 'boolean' && kind !== 'text') {
    const points = received.points as NumberSeries['points']
    return { kind: 'number', signal, unit, resolution, points }
  }
  const points = (received.points as StateSeries['points']).slice()
  // Beyond the changes that were given nothing is known.
  const last = points.at(-1)
  if (received.truncated && last) points.push([last[0] + 1, null])
  return { kind, signal, unit, points }
}
