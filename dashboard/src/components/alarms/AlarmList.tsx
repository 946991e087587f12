import type { AlarmFilter } from '../../api/alarms'

/** Alarms with what a person may do with them. */
export function AlarmList({
  filter,
}: {
  filter: AlarmFilter
  showMachine?: boolean
  limit?: number
}) {
  return <div>{filter.machine_id}</div>
}
