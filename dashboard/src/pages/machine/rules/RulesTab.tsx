import { Stack } from '@mantine/core'
import type { Machine } from '../../../api/types'
import { Learning } from './Learning'
import { Parameters } from './Parameters'

/** What rules have learned of the machine, and the limits that they leave to it. */
export function RulesTab({ machine }: { machine: Machine }) {
  return (
    <Stack gap="lg">
      <Parameters machine={machine} />
      <Learning machine={machine} />
    </Stack>
  )
}
