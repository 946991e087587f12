import { Text } from '@mantine/core'
import { useEffect, useMemo, useRef } from 'react'
import { useTranslation } from 'react-i18next'
import type { Signal } from '../../../api/types'
import { TimeChart } from '../../../components/chart/TimeChart'
import { useNow } from '../../../format/use'
import type { LiveStore, Snapshot } from './liveStore'
import { isCoarse, mergeSeries } from './merge'
import { endOf, type Shown, spanMs } from './span'
import type { useHistory } from './useHistory'
import { useMarks } from './useMarks'

interface LiveChartProps {
  machineId: string
  chosen: readonly Signal[]
  history: ReturnType<typeof useHistory>
  live: Snapshot
  store: LiveStore
  shown: Shown
  pausedAt: number | undefined
  onShow: (shown: Shown) => void
}

/** The history and what comes after it, in one chart. */
export function LiveChart(props: LiveChartProps) {
  const { machineId, chosen, history, live, shown, onShow } = props
  const { t } = useTranslation('machine')
  const marks = useMarks(machineId)
  const range = useRange(shown, props.pausedAt)
  useForgetting(props)
  const series = useMemo(
    () => mergeSeries(chosen, history.series, live.points),
    [chosen, history.series, live.points],
  )
  const before = useRef<Shown>(shown)
  const zoom = (part: { from: number; to: number } | undefined) => {
    if (part && shown.kind === 'last') before.current = shown
    onShow(part ? { kind: 'fixed', ...part } : before.current)
  }
  const cut = history.series.filter(({ truncated }) => truncated).map(({ signal }) => signal)
  const coarse = history.series.filter(isCoarse).map(({ signal }) => signal)
  return (
    <div aria-busy={history.isLoading}>
      <TimeChart series={series} marks={marks} {...range} onZoom={zoom} />
      {cut.length > 0 && (
        <Text size="sm" c="dimmed">
          {t('live.cut', { signals: cut.join(', ') })}
        </Text>
      )}
      {coarse.length > 0 && (
        <Text size="sm" c="dimmed">
          {t('live.coarse', { signals: coarse.join(', ') })}
        </Text>
      )}
    </div>
  )
}

/** A moving time ends now, or when it was paused. */
function useRange(shown: Shown, pausedAt: number | undefined): { from: number; to: number } {
  const now = useNow()
  if (shown.kind === 'fixed') return { from: shown.from, to: shown.to }
  const ms = spanMs(shown.span)
  const to = endOf(pausedAt ?? now, ms)
  return { from: to - ms, to }
}

/** Keeps the store small: what the history has by now is forgotten; a full store asks for it. */
function useForgetting({ history, live, store }: LiveChartProps): void {
  const { series, renew } = history
  const { isFull } = live
  useEffect(() => {
    const ends = series.map(({ points }) => points.at(-1)?.[0] ?? -Infinity)
    const until = ends.length > 0 ? Math.min(...ends) : -Infinity
    if (Number.isFinite(until)) store.forget(until)
  }, [series, store])
  const ask = useRef(renew)
  useEffect(() => {
    ask.current = renew
  })
  useEffect(() => {
    if (isFull) ask.current()
  }, [isFull])
}
