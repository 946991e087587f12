import { Button, Group, Text, Textarea } from '@mantine/core'
import { getHotkeyHandler } from '@mantine/hooks'
import { type FormEvent, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { ProblemError } from '../../api/problem'
import { useWriteComment } from '../../api/tickets'
import { useNotify } from '../../components/trouble'

const TEXT_MAX = 10_000

export function CommentForm({ ticketId }: { ticketId: string }) {
  const { t } = useTranslation('tickets')
  const notify = useNotify()
  const { mutate, isPending, error } = useWriteComment()
  const [text, setText] = useState('')
  const send = () => {
    if (!text.trim() || isPending) return
    mutate(
      { ticketId, text: text.trim() },
      { onSuccess: () => setText(''), onError: (failure) => notify.failed(failure) },
    )
  }
  const submit = (event: FormEvent) => {
    event.preventDefault()
    send()
  }
  return (
    <form onSubmit={submit}>
      <Textarea
        label={t('comment.label')}
        value={text}
        onChange={(event) => setText(event.currentTarget.value)}
        onKeyDown={getHotkeyHandler([['mod+Enter', send]])}
        maxLength={TEXT_MAX}
        autosize
        minRows={2}
        maxRows={12}
        error={error instanceof ProblemError ? error.fields.text : undefined}
      />
      <Group justify="space-between" mt="xs">
        <Text size="xs" c="dimmed">
          {t('comment.keys')}
        </Text>
        <Button type="submit" size="xs" loading={isPending} disabled={!text.trim()}>
          {t('comment.send')}
        </Button>
      </Group>
    </form>
  )
}
