import { Box, Button, Group, Text, useComputedColorScheme } from '@mantine/core'
import { useElementSize } from '@mantine/hooks'
import { useMemo, useRef, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { useFormat } from '../../format/use'
import { colorsOf } from './colors'
import { Legend } from './Legend'
import { MarkList } from './MarkList'
import { type Model, modelOf, type Words } from './model'
import type { ChartLimit, ChartMark, ChartSeries } from './series'
import { type Actions, heightOf } from './options'
import { usePlot } from './usePlot'
import { ValueTable } from './ValueTable'
import classes from './chart.module.css'

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

const NO_MARKS: readonly ChartMark[] = []
const NO_LIMITS: readonly ChartLimit[] = []

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
  ...whole
}: TimeChartProps) {
  const { t } = useTranslation()
  const [at, setAt] = useState<number>()
  const zoom = useZoom(whole.from, whole.to, onZoom)
  const { from, to } = zoom
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
      <Plot model={model} height={height} actions={actions} isEmpty={isEmpty} />
      <Legend series={series} model={model} at={at} />
      <Group gap="xs" justify="space-between">
        <Text size="xs" c="dimmed" visibleFrom="sm">
          {t('chart.hint')}
        </Text>
        {zoom.isZoomed && (
          <Button variant="default" size="compact-sm" onClick={() => zoom.select(undefined)}>
            {t('chart.reset')}
          </Button>
        )}
      </Group>
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

interface Range {
  from: number
  to: number
}

/** The part of the time that is shown: the page's business when it wants it, else the chart's own. */
function useZoom(from: number, to: number, onZoom: TimeChartProps['onZoom']) {
  const [part, setPart] = useState<Range>()
  const own = onZoom ? undefined : part
  return {
    from: own?.from ?? from,
    to: own?.to ?? to,
    // The page may have gone on to another time since.
    isZoomed: part !== undefined && (!onZoom || (part.from === from && part.to === to)),
    select: (range: Range | undefined) => {
      setPart(range)
      onZoom?.(range)
    },
  }
}
