import { useDebouncedValue } from '@mantine/hooks'
import { useMemo } from 'react'
import { useTranslation } from 'react-i18next'
import { useMachine } from '../../../api/machines'
import type { ChartMark } from '../../../components/chart/series'
import { SignalChart } from '../../../components/chart/SignalChart'
import type { Condition } from '../tree/draft'
import { limitsOf, signalsOf } from '../tree/watched'

const TYPING_MS = 400

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
  // Not for each letter of a name that is being typed.
  const [names] = useDebouncedValue(JSON.stringify(signalsOf(condition)), TYPING_MS)
  const signals = useMemo(() => JSON.parse(names) as string[], [names])
  return <SignalChart {...props} signals={signals} limits={limits} />
}
