/** Everything that is drawn, made of what the chart is given. Pure. */
import { type Aligned, align } from './align'
import type { Colors } from './colors'
import { commonGaps, type Gap } from './gaps'
import { type Lane, laneOf } from './lanes'
import { type NumberedMark, visibleMarks } from './marks'
import { numbersOf, type Scale, scalesOf, statesOf } from './scales'
import type { ChartLimit, ChartMark, ChartSeries, NumberSeries } from './series'

/** How times, numbers and states read, in the reader's language. */
export interface Words {
  clock: (at: number, seconds: boolean) => string
  day: (at: number) => string
  number: (value: number, decimals?: number) => string
  state: (value: string | boolean) => string
  gap: string
}

export interface Model {
  from: number
  to: number
  numbers: NumberSeries[]
  aligned: Aligned
  scales: Scale[]
  lanes: Lane[]
  gaps: Gap[]
  marks: NumberedMark[]
  marksCut: boolean
  limits: readonly ChartLimit[]
  colors: Colors
  words: Words
}

export function modelOf(
  series: readonly ChartSeries[],
  marks: readonly ChartMark[],
  limits: readonly ChartLimit[],
  range: { from: number; to: number },
  look: { colors: Colors; words: Words },
): Model {
  const { from, to } = range
  const numbers = numbersOf(series)
  const { shown, cut } = visibleMarks(marks, from, to)
  return {
    from,
    to,
    numbers,
    aligned: align(numbers),
    scales: scalesOf(numbers),
    lanes: statesOf(series).map((each) => laneOf(each, from, to)),
    gaps: commonGaps(numbers, from, to),
    marks: shown,
    marksCut: cut,
    limits,
    ...look,
  }
}

/** Whether a plot made for one model can show the other by its data alone. */
export function structureOf({ numbers, scales, lanes, aligned }: Model): string {
  const lines = numbers.map(({ signal }, i) => [signal, !!aligned.columns[i]?.band])
  return JSON.stringify([lines, scales, lanes.length])
}
