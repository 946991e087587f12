import type { ChartLimit, ChartMark, ChartSeries } from './series'

export interface TimeChartProps {
  series: readonly ChartSeries[]
  marks?: readonly ChartMark[]
  limits?: readonly ChartLimit[]
  /** The time that is shown, in Unix milliseconds. */
  from: number
  to: number
  height?: number
  /** Called when a person has chosen a part of the time, or undefined for the whole. */
  onZoom?: (range: { from: number; to: number } | undefined) => void
}

export function TimeChart({ series }: TimeChartProps) {
  return <div>{series.length}</div>
}
