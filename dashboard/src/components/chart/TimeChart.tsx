import { Box, Text, useComputedColorScheme } from '@mantine/core'
import { useElementSize } from '@mantine/hooks'
import { type KeyboardEvent, useId, useMemo, useRef, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { useFormat } from '../../format/use'
import { colorsOf } from './colors'
import { Legend } from './Legend'
import { MarkList } from './MarkList'
import { type Model, modelOf, type Words } from './model'
import type { ChartLimit, ChartMark, ChartSeries } from './series'
import { type Actions, heightOf } from './options'
import { usePlot } from './usePlot'
import { type OnZoom, useZoom } from './useZoom'
import { ValueTable } from './ValueTable'
import { type Range, stepOf } from './zoom'
import { ZoomBar } from './ZoomBar'
import classes from './chart.module.css'

export interface TimeChartProps {
  series: readonly ChartSeries[]
  marks?: readonly ChartMark[]
  limits?: readonly ChartLimit[]
  /** The time that is shown, in Unix milliseconds. */
  from: number
  to: number
  height?: number
  onZoom?: OnZoom
  /** With `onZoom`: keys and buttons don't lead beyond it. */
  within?: Range
}

const NO_MARKS: readonly ChartMark[] = []
const NO_LIMITS: readonly ChartLimit[] = []
/** A key that is held down doesn't ask for more than one time in so many milliseconds. */
const REPEAT_MS = 250

/**
 * Signals over time: numbers as lines with what lay between smallest and largest, texts and
 * booleans as bands below, alarms and commands as numbered marks. Without `onZoom` it zooms itself.
 */
export function TimeChart({
  series,
  marks = NO_MARKS,
  limits = NO_LIMITS,
  height = 280,
  onZoom,
  within,
  ...whole
}: TimeChartProps) {
  const { t } = useTranslation()
  const [at, setAt] = useState<number>()
  const zoom = useZoom(whole, within, onZoom)
  const { from, to } = zoom
  const onKeyDown = useSteps(zoom.step)
  const hintId = useId()
  const words = useWords()
  const dark = useComputedColorScheme('light') === 'dark'
  const model = useMemo(
    () => modelOf(series, marks, limits, { from, to }, { colors: colorsOf(dark), words }),
    [series, marks, limits, from, to, dark, words],
  )
  const isEmpty = !hasPoints(series)
  const actions: Actions = { onCursor: setAt, onSelect: zoom.select }
  return (
    <div data-testid="chart">
      <Box
        className={classes.frame}
        tabIndex={0}
        role="group"
        aria-label={t('chart.frame')}
        aria-describedby={hintId}
        onKeyDown={onKeyDown}
      >
        <Plot model={model} height={height} actions={actions} isEmpty={isEmpty} />
      </Box>
      <Legend series={series} model={model} at={at} />
      <ZoomBar shown={{ from, to }} isZoomed={zoom.isZoomed} onStep={zoom.step} hintId={hintId} />
      <MarkList marks={model.marks} cut={model.marksCut} />
      <ValueTable series={series} from={from} to={to} />
    </div>
  )
}

function Plot({
  model,
  height,
  actions,
  isEmpty,
}: {
  model: Model
  height: number
  actions: Actions
  isEmpty: boolean
}) {
  const { t } = useTranslation()
  const { ref, width } = useElementSize()
  const host = useRef<HTMLDivElement>(null)
  usePlot(host, model, { width, height }, actions)
  const signals = [...model.numbers, ...model.lanes].map(({ signal }) => signal).join(', ')
  return (
    <Box ref={ref} pos="relative" className={classes.plot}>
      <div
        ref={host}
        role="img"
        aria-label={t('chart.label', { signals })}
        style={{ minHeight: heightOf(model, height) }}
      />
      {isEmpty && (
        <Text c="dimmed" pos="absolute" top="40%" left={0} right={0} ta="center">
          {t('chart.empty')}
        </Text>
      )}
    </Box>
  )
}

function hasPoints(series: readonly ChartSeries[]): boolean {
  return series.some(({ points }) => points.length > 0)
}

function useWords(): Words {
  const { t } = useTranslation()
  const format = useFormat()
  return useMemo(
    () => ({
      clock: format.clock,
      day: format.dayMonth,
      number: format.number,
      state: (value) =>
        typeof value === 'string' ? value : t(`boolean.${value ? 'true' : 'false'}`),
      gap: t('chart.gap'),
    }),
    [format, t],
  )
}

/** What keys do while the chart has the focus. */
function useSteps(step: ReturnType<typeof useZoom>['step']) {
  const last = useRef(0)
  return (event: KeyboardEvent) => {
    const wanted = stepOf(event)
    if (!wanted) return
    event.preventDefault()
    if (event.repeat && event.timeStamp - last.current < REPEAT_MS) return
    last.current = event.timeStamp
    step(wanted)
  }
}
