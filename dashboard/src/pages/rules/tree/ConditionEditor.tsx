import { Alert, Button, Group, Stack, Text } from '@mantine/core'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import type { Signal } from '../../../api/types'
import type { Draft } from './draft'
import { found, removed } from './edit'
import type { Editing } from './editing'
import { PartEditor } from './PartEditor'

interface ConditionEditorProps {
  value: Draft
  onChange: (value: Draft) => void
  errors: Readonly<Record<string, string>>
  signals: readonly Signal[]
}

/** A condition, or a tree of them. What is taken away can be had again until something else is changed. */
export function ConditionEditor({ value, onChange, errors, signals }: ConditionEditorProps) {
  const { t } = useTranslation('conditions')
  const [before, setBefore] = useState<{ tree: Draft; what: string }>()
  const [fresh, setFresh] = useState<string>()
  const change = (root: Draft) => {
    setBefore(undefined)
    onChange(root)
  }
  const remove = (key: string) => {
    const part = found(value, key)
    if (!part) return
    setBefore({ tree: value, what: t(`kind.${part.kind}`) })
    onChange(removed(value, key))
  }
  const editing: Editing = { root: value, errors, signals, change, remove, fresh, setFresh }
  return (
    <Stack gap="xs" role="group" aria-label={t('title')}>
      <Text fw={600} size="sm">
        {t('title')}
      </Text>
      <PartEditor part={value} editing={editing} />
      <div role="status">
        {before && (
          <Alert variant="outline" color="gray" p="xs">
            <Group gap="xs" justify="space-between">
              <Text size="sm">{t('removed', { what: before.what })}</Text>
              <Button
                size="compact-sm"
                variant="default"
                autoFocus
                onClick={() => change(before.tree)}
              >
                {t('undo')}
              </Button>
            </Group>
          </Alert>
        )}
      </div>
    </Stack>
  )
}
