import { useMemo } from 'react'
import { useAlarms } from '../../../api/alarms'
import { useCommands } from '../../../api/commands'
import type { Alarm, Command } from '../../../api/types'
import type { ChartMark } from '../../../components/chart/series'
import { millis } from '../../../format/format'

/** The machine's newest alarms and commands as marks. */
export function useMarks(machineId: string): ChartMark[] {
  const alarms = useAlarms({ machine_id: machineId })
  const commands = useCommands({ machine_id: machineId })
  const key = [...alarms.items, ...commands.items].map(({ id, version }) => id + version).join()
  return useMemo(
    () => [...alarms.items.map(ofAlarm), ...commands.items.map(ofCommand)],
    // The lists are new objects at each render; what they hold is said by the key.
    // eslint-disable-next-line react-hooks/exhaustive-deps
    [key],
  )
}

function ofAlarm(alarm: Alarm): ChartMark {
  return {
    kind: 'alarm',
    at: millis(alarm.raised_at),
    until: alarm.cleared_at ? millis(alarm.cleared_at) : undefined,
    label: alarm.message || alarm.code,
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
