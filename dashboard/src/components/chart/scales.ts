/** Which y scale each series has, and which of them have an axis. Pure. */
import type { ChartLimit, ChartSeries, NumberSeries, StateSeries } from './series'

/** Axes that a chart has room for. */
const AXES_MAX = 2

export interface Scale {
  key: string
  /** For the axis: the unit, else what is measured. */
  label: string
  axis: 'left' | 'right' | undefined
}

/** One scale for each unit, in the order of the series; the first two have an axis. */
export function scalesOf(series: readonly NumberSeries[]): Scale[] {
  const scales: Scale[] = []
  for (const each of series) {
    const key = scaleKey(each)
    if (scales.some((scale) => scale.key === key)) continue
    const axis = scales.length === 0 ? 'left' : scales.length < AXES_MAX ? 'right' : undefined
    scales.push({ key, label: each.unit ?? quantity(each.signal), axis })
  }
  return scales
}

/** Without a unit, signals that measure the same quantity share a scale. */
export function scaleKey({ unit, signal }: NumberSeries): string {
  return unit ? `unit:${unit}` : `of:${quantity(signal)}`
}

/** The scale that a limit is drawn on; none when its signal isn't shown. */
export function limitScale(
  { signal }: ChartLimit,
  numbers: readonly NumberSeries[],
  scales: readonly Scale[],
): Scale | undefined {
  if (signal === undefined) return scales[0]
  const of = numbers.find((each) => each.signal === signal)
  return of && scales.find(({ key }) => key === scaleKey(of))
}

function quantity(signal: string): string {
  return signal.slice(signal.lastIndexOf('.') + 1)
}

export function numbersOf(series: readonly ChartSeries[]): NumberSeries[] {
  return series.filter((each) => each.kind === 'number')
}

export function statesOf(series: readonly ChartSeries[]): StateSeries[] {
  return series.filter((each) => each.kind !== 'number')
}
