import { Group, Paper, Title } from '@mantine/core'
import { type ReactNode, useId } from 'react'
import { Said } from './Said'

interface SectionProps {
  title: string
  /** On the right of the heading. */
  actions?: ReactNode
  children: ReactNode
}

/** A part of a page under its own heading. */
export function Section({ title, actions, children }: SectionProps) {
  const id = useId()
  return (
    <Paper component="section" withBorder p="md" aria-labelledby={id}>
      <Group justify="space-between" mb="sm" gap="xs">
        <Title order={2} size="h4" id={id}>
          <Said>{title}</Said>
        </Title>
        {actions}
      </Group>
      {children}
    </Paper>
  )
}
