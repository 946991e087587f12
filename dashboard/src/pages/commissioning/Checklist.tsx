import { Group, List, Loader, Text, ThemeIcon, VisuallyHidden } from '@mantine/core'
import { IconCheck, IconMinus } from '@tabler/icons-react'
import { useTranslation } from 'react-i18next'
import type { Machine } from '../../api/types'
import type { Progress, Way } from './place'

interface ChecklistProps {
  progress: Progress
  way: Way
  machine: Machine
}

/** How far the machine has come. */
export function Checklist({ progress, way, machine }: ChecklistProps) {
  const { t } = useTranslation('commissioning')
  const entries = [
    { text: t('check.registered'), done: progress.registered },
    { text: t(way === 'agent' ? 'check.enrolled' : 'check.token'), done: progress.enrolled },
    { text: t('check.connected'), done: progress.connected },
    { text: t('check.values'), done: progress.hasValues },
  ]
  const next = entries.findIndex(({ done }) => !done)
  const isLost = progress.connected && !machine.connection.connected
  return (
    <div role="status">
      <List listStyleType="none" spacing="xs" aria-label={t('step.wait')}>
        {entries.map(({ text, done }, index) => (
          <List.Item key={text} data-state={done ? 'done' : index === next ? 'waits' : 'later'}>
            <Group gap="sm">
              <Mark done={done} waits={index === next} />
              <Text fw={index === next ? 600 : undefined}>{text}</Text>
              <VisuallyHidden>{done ? t('check.done') : t('check.open')}</VisuallyHidden>
            </Group>
          </List.Item>
        ))}
      </List>
      {isLost && way === 'agent' && (
        <Text size="sm" mt="xs">
          {t('check.lost', { reason: machine.connection.reason ?? '–' })}
        </Text>
      )}
    </div>
  )
}

function Mark({ done, waits }: { done: boolean; waits: boolean }) {
  if (waits) return <Loader size={22} aria-hidden />
  return (
    <ThemeIcon size={22} radius="xl" color={done ? 'green.9' : 'gray'} aria-hidden>
      {done ? <IconCheck size={14} /> : <IconMinus size={14} />}
    </ThemeIcon>
  )
}
