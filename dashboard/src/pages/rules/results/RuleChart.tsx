import { Text } from '@mantine/core'
import { useMemo } from 'react'
import { useTranslation } from 'react-i18next'
import { useMachine } from '../../../api/machines'
import type { ChartLimit, ChartMark } from '../../../components/chart/series'
import { TimeChart } from '../../../components/chart/TimeChart'
import { useSeries } from '../../../components/chart/useSeries'
import { Empty, Loaded } from '../../../components/Loaded'
import type { Condition } from '../tree/draft'
import { limitsOf, SIGNALS_MAX, signalsOf } from '../tree/watched'

interface RuleChartProps {
  machineId: string
  condition: Condition
  marks: readonly ChartMark[]
  from: number
  to: number
}

/** The signals of a rule over time, with its limits as they are for the machine. */
export function RuleChart({ condition, ...props }: RuleChartProps) {
  const { t } = useTranslation('conditions')
  const machine = useMachine(props.machineId)
  // By value: while something else is typed the chart stays as it is.
  const key = JSON.stringify([condition, machine.data?.parameters ?? {}])
  const limits = useMemo(() => {
    const [of, parameters] = JSON.parse(key) as [Condition, Record<string, number>]
    return limitsOf(of, parameters, { limit: t('field.limit'), clearAt: t('field.clear_at') })
  }, [key, t])
  return <SignalChart {...props} signals={signalsOf(condition)} limits={limits} />
}

interface SignalChartProps extends Omit<RuleChartProps, 'condition'> {
  signals: readonly string[]
  limits?: readonly ChartLimit[]
}

const NO_LIMITS: readonly ChartLimit[] = []

/** Some signals of a machine, as far as there is room. */
export function SignalChart({
  machineId,
  signals,
  limits = NO_LIMITS,
  marks,
  from,
  to,
}: SignalChartProps) {
  const { t } = useTranslation('backtests')
  const shown = signals.slice(0, SIGNALS_MAX)
  const { query, series } = useSeries(machineId, shown, { from, to })
  if (shown.length === 0) return <Empty>{t('chart.noSignals')}</Empty>
  return (
    <>
      {signals.length > shown.length && (
        <Text size="sm" c="dimmed">
          {t('chart.cut', { count: SIGNALS_MAX })}
        </Text>
      )}
      <Loaded query={query} height={260}>
        {() => (
          <TimeChart
            series={series}
            marks={marks}
            limits={limits}
            from={from}
            to={to}
            height={260}
          />
        )}
      </Loaded>
    </>
  )
}
