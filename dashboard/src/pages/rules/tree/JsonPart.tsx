import { Button, Stack, Text, Textarea } from '@mantine/core'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { fieldAt } from './check'
import type { Raw } from './draft'
import { changed } from './edit'
import type { Editing } from './editing'
import { draftOf } from './read'
import { parsed } from './write'
import classes from './tree.module.css'

/** A condition as the API has it: for what the form can't hold, and for who prefers it. */
export function JsonPart({ part, editing }: { part: Raw; editing: Editing }) {
  const { t, i18n } = useTranslation('conditions')
  const [isRefused, setRefused] = useState(false)
  const { value, error } = parsed(part.text)
  const toForm = () => {
    const draft = draftOf(value, i18n.language)
    setRefused(draft.kind === 'json')
    if (draft.kind !== 'json') editing.change(changed(editing.root, part.key, () => draft))
  }
  const said = editing.errors[fieldAt(part.key, 'json')]
  return (
    <Stack gap="xs" align="flex-start">
      <Textarea
        label={t('json.label')}
        description={t('json.hint')}
        w="100%"
        autosize
        minRows={4}
        maxRows={24}
        maxLength={65_536}
        spellCheck={false}
        classNames={{ input: classes.json }}
        value={part.text}
        error={error === undefined ? said : t('error.json', { text: error })}
        onChange={(event) => {
          const text = event.currentTarget.value
          setRefused(false)
          editing.change(
            changed(editing.root, part.key, (raw) =>
              raw.kind === 'json' ? { ...raw, text } : raw,
            ),
          )
        }}
      />
      <Button size="xs" variant="default" disabled={error !== undefined} onClick={toForm}>
        {t('json.toForm')}
      </Button>
      <Text size="sm" c="dimmed" role="status">
        {isRefused && t('json.notHeld')}
      </Text>
    </Stack>
  )
}
