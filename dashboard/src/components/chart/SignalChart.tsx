import { Text } from '@mantine/core'
import { useTranslation } from 'react-i18next'
import { Empty, Loaded } from '../Loaded'
import type { ChartLimit, ChartMark } from './series'
import { TimeChart } from './TimeChart'
import { useSeries } from './useSeries'

/** Signals that a chart has room for. */
const SIGNALS_MAX = 6
const HEIGHT = 260

interface SignalChartProps {
  machineId: string
  signals: readonly string[]
  limits?: readonly ChartLimit[]
  marks: readonly ChartMark[]
  from: number
  to: number
}

const NO_LIMITS: readonly ChartLimit[] = []

/** A machine's stored signals, as far as there is room; it asks for them itself. */
export function SignalChart({
  machineId,
  signals,
  limits = NO_LIMITS,
  marks,
  from,
  to,
}: SignalChartProps) {
  const { t } = useTranslation()
  const shown = signals.slice(0, SIGNALS_MAX)
  const { query, series } = useSeries(machineId, shown, { from, to })
  if (shown.length === 0) return <Empty>{t('chart.noSignals')}</Empty>
  return (
    <>
      {signals.length > shown.length && (
        <Text size="sm" c="dimmed">
          {t('chart.firstSignals', { count: SIGNALS_MAX })}
        </Text>
      )}
      <Loaded query={query} height={HEIGHT}>
        {() => <TimeChart {...{ series, marks, limits, from, to }} height={HEIGHT} />}
      </Loaded>
    </>
  )
}
