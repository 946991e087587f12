import { Stack } from '@mantine/core'
import { LossReport } from './LossReport'
import { QuarantineList } from './QuarantineList'

/** What was lost on the way, and what couldn't be used. */
export function DataTab({ machineId }: { machineId: string }) {
  return (
    <Stack gap="lg">
      <LossReport machineId={machineId} />
      <QuarantineList machineId={machineId} />
    </Stack>
  )
}
