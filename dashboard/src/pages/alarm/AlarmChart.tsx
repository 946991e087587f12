import { useMemo, useState } from 'react'
import { useTranslation } from 'react-i18next'
import type { Alarm } from '../../api/types'
import { causesOf, signalsOfContext } from '../../components/alarms/explain'
import { useAlarmWords } from '../../components/alarms/words'
import type { ChartLimit, ChartMark } from '../../components/chart/series'
import { SignalChart } from '../../components/chart/SignalChart'
import { Section } from '../../components/Section'
import { millis } from '../../format/format'

const HOUR_MS = 3_600_000

/** The time around an alarm: an hour before, and at most a day of it with some time after. */
export function timeAround(
  { raised_at, cleared_at }: Pick<Alarm, 'raised_at' | 'cleared_at'>,
  now: number,
): { from: number; to: number } {
  const raised = millis(raised_at)
  const end = cleared_at ? millis(cleared_at) : now
  const to = Math.min(end, raised + 24 * HOUR_MS) + HOUR_MS / 4
  return { from: raised - HOUR_MS, to: Math.max(Math.min(to, now), raised + HOUR_MS / 4) }
}

/** The signals that the alarm names, around the time that it was raised; nothing when it names none. */
export function AlarmChart({ alarm }: { alarm: Alarm }) {
  const { t } = useTranslation('alarms')
  const words = useAlarmWords()
  const [now] = useState(() => Date.now())
  const { from, to } = timeAround(alarm, now)
  const signals = signalsOfContext(alarm.context)
  const label = words(alarm)
  const { raised_at, cleared_at, severity, context } = alarm
  const marks = useMemo((): ChartMark[] => {
    const until = cleared_at ? millis(cleared_at) : undefined
    return [{ kind: 'alarm', at: millis(raised_at), until, label, severity }]
  }, [raised_at, cleared_at, severity, label])
  const limits = useMemo(
    () =>
      causesOf(context).flatMap(({ kind, limit, what }): ChartLimit[] =>
        kind === 'threshold' && limit !== undefined
          ? [{ value: limit, label: t('why.limit'), signal: what }]
          : [],
      ),
    [context, t],
  )
  if (signals.length === 0) return null
  return (
    <Section title={t('chart')}>
      <SignalChart machineId={alarm.machine_id} {...{ signals, marks, limits, from, to }} />
    </Section>
  )
}
