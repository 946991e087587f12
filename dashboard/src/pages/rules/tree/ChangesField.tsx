import { ActionIcon, Button, Stack, TagsInput, Text, TextInput } from '@mantine/core'
import { IconPlus, IconX } from '@tabler/icons-react'
import { useTranslation } from 'react-i18next'
import { type Change, type Leaf, newPartKey } from './draft'
import type { SetFields } from './editing'
import { TypeSelect } from './ValuesField'
import classes from './tree.module.css'

const CHANGES_MAX = 32

interface ChangesFieldProps {
  leaf: Leaf
  error: string | undefined
  set: SetFields
}

/** Which values may follow which. */
export function ChangesField({ leaf, error, set }: ChangesFieldProps) {
  const { t } = useTranslation('conditions')
  const { changes } = leaf
  const change = (key: string, more: Partial<Change>) =>
    set({ changes: changes.map((each) => (each.key === key ? { ...each, ...more } : each)) })
  return (
    <Stack gap="xs" mt="xs" role="group" aria-label={t('field.changes')}>
      <TypeSelect
        type={leaf.values.type}
        onChange={(type) => set({ values: { type, items: [] } })}
      />
      {changes.map((row, place) => (
        <div key={row.key} className={classes.row}>
          <TextInput
            label={t('change.from', { number: place + 1 })}
            maxLength={256}
            autoComplete="off"
            value={row.from}
            onChange={(event) => change(row.key, { from: event.currentTarget.value })}
          />
          <TagsInput
            label={t('change.to', { number: place + 1 })}
            maxTags={CHANGES_MAX}
            splitChars={[]}
            isDuplicate={(item, all) => all.includes(item)}
            value={row.to}
            onChange={(to) => change(row.key, { to })}
          />
          <ActionIcon
            variant="default"
            size="lg"
            aria-label={t('change.remove', { number: place + 1 })}
            onClick={() => set({ changes: changes.filter(({ key }) => key !== row.key) })}
          >
            <IconX size={16} />
          </ActionIcon>
        </div>
      ))}
      {error && (
        <Text size="sm" c="red" role="alert">
          {error}
        </Text>
      )}
      {changes.length < CHANGES_MAX && (
        <Button
          variant="default"
          size="xs"
          leftSection={<IconPlus size={14} />}
          style={{ alignSelf: 'flex-start' }}
          onClick={() => set({ changes: [...changes, { key: newPartKey(), from: '', to: [] }] })}
        >
          {t('change.add')}
        </Button>
      )}
    </Stack>
  )
}
