import { Stack } from '@mantine/core'
import { AlarmList } from '../../components/alarms/AlarmList'
import { FoundLater } from './FoundLater'

/** The machine's alarms, and what late samples have shown of them. */
export function AlarmsTab({ machineId }: { machineId: string }) {
  return (
    <Stack gap="lg">
      <AlarmList filter={{ machine_id: machineId }} />
      <FoundLater machineId={machineId} />
    </Stack>
  )
}
