import { Chip, Text } from '@mantine/core'
import { useMemo, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { useSignals } from '../../api/machines'
import type { Alarm, Evidence, Ticket } from '../../api/types'
import { useAlarmWords } from '../../components/alarms/words'
import { TimeChart } from '../../components/chart/TimeChart'
import { chartSeries, firstShown, markOf, ordered, SHOWN_MAX, spanOf } from './evidence'
import classes from './ticket.module.css'

interface EvidenceChartProps {
  ticket: Ticket
  evidence: Evidence
  alarms: readonly Alarm[]
}

/** The samples around one alarm, of signals that can be chosen. */
export function EvidenceChart({ ticket, evidence, alarms }: EvidenceChartProps) {
  const { t } = useTranslation('tickets')
  const words = useAlarmWords()
  const { data: signals } = useSignals(ticket.machine_id)
  const alarm = alarms.find((one) => one.id === evidence.alarm_id)
  const all = useMemo(() => ordered(evidence, alarm?.source), [evidence, alarm?.source])
  const [chosen, setChosen] = useState<string[]>()
  const [zoom, setZoom] = useState<{ from: number; to: number }>()
  const shown = chosen ?? firstShown(all)
  const span = zoom ?? spanOf(evidence)
  const series = useMemo(() => {
    const unitOf = (signal: string) => signals?.items.find((one) => one.signal === signal)?.unit
    return all
      .filter(({ signal }) => shown.includes(signal))
      .map((one) => chartSeries(one, unitOf(one.signal)))
  }, [all, shown, signals])
  if (all.length === 0) return <Text c="dimmed">{t('evidence.noSamples')}</Text>
  return (
    <>
      <TimeChart
        series={series}
        marks={alarm ? [markOf(alarm, words(alarm))] : []}
        from={span.from}
        to={span.to}
        onZoom={setZoom}
        within={spanOf(evidence)}
      />
      <fieldset className={classes.choice}>
        <legend className={classes.legend}>{t('evidence.signals', { count: SHOWN_MAX })}</legend>
        <Chip.Group multiple value={shown} onChange={setChosen}>
          <div className={classes.signals}>
            {all.map(({ signal }) => (
              <Chip
                key={signal}
                value={signal}
                size="xs"
                disabled={shown.length >= SHOWN_MAX && !shown.includes(signal)}
              >
                {signal}
              </Chip>
            ))}
          </div>
        </Chip.Group>
      </fieldset>
    </>
  )
}
