import { useMemo } from 'react'
import { useTranslation } from 'react-i18next'
import { useAlarms } from '../../../api/alarms'
import { useCommands } from '../../../api/commands'
import type { Alarm, Command } from '../../../api/types'
import { useAlarmWords } from '../../../components/alarms/words'
import type { ChartMark } from '../../../components/chart/series'
import { millis } from '../../../format/format'

/** The machine's newest alarms and commands as marks. */
export function useMarks(machineId: string): ChartMark[] {
  const alarms = useAlarms({ machine_id: machineId })
  const commands = useCommands({ machine_id: machineId })
  const words = useAlarmWords()
  const { language } = useTranslation().i18n
  const key = [...alarms.items, ...commands.items].map(({ id, version }) => id + version).join()
  return useMemo(
    () => [
      ...alarms.items.map((alarm) => ofAlarm(alarm, words(alarm))),
      ...commands.items.map(ofCommand),
    ],
    // The lists are new objects at each render; what they hold is said by the key, in which
    // words by the language.
    // eslint-disable-next-line react-hooks/exhaustive-deps
    [key, language],
  )
}

function ofAlarm(alarm: Alarm, label: string): ChartMark {
  return {
    kind: 'alarm',
    at: millis(alarm.raised_at),
    until: alarm.cleared_at ? millis(alarm.cleared_at) : undefined,
    label,
    severity: alarm.severity,
    to: alarm.ticket_id ? `/tickets/${alarm.ticket_id}` : `/machines/${alarm.machine_id}/alarms`,
  }
}

function ofCommand(command: Command): ChartMark {
  return {
    kind: 'command',
    at: millis(command.started_at ?? command.created_at),
    until: command.ended_at ? millis(command.ended_at) : undefined,
    label: command.name,
    to: `/machines/${command.machine_id}/commands`,
  }
}
