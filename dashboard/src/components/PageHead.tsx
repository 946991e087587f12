import { Group, Title } from '@mantine/core'
import { type ReactNode, useEffect } from 'react'
import { useTranslation } from 'react-i18next'
import { isolated } from '../format/bidi'
import { Said } from './Said'

/** The page's one first-level heading, also the browser tab's title; actions on the right. */
export function PageHead({
  title,
  beside,
  actions,
}: {
  title: string
  beside?: ReactNode
  actions?: ReactNode
}) {
  const { t } = useTranslation()
  useEffect(() => {
    document.title = `${isolated(title)} · ${t('app')}`
  }, [title, t])
  return (
    <Group justify="space-between" mb="md" gap="sm">
      <Group gap="sm" miw={0}>
        <Title order={1} size="h2" miw={0} style={{ overflowWrap: 'anywhere' }}>
          <Said>{title}</Said>
        </Title>
        {beside}
      </Group>
      {actions && <Group gap="xs">{actions}</Group>}
    </Group>
  )
}
