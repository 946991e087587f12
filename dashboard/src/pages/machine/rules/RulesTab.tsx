import { Stack } from '@mantine/core'
import type { Machine } from '../../../api/types'
import { Parameters } from './Parameters'

/** What rules know of the machine, and what it says of itself to them. */
export function RulesTab({ machine }: { machine: Machine }) {
  return (
    <Stack gap="lg">
      <Parameters machine={machine} />
    </Stack>
  )
}
