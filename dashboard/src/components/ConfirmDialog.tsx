import { Button, Group, Modal, Stack, Text, Textarea } from '@mantine/core'
import { type FormEvent, type ReactNode, useState } from 'react'
import { useTranslation } from 'react-i18next'

interface ConfirmDialogProps {
  opened: boolean
  onClose: () => void
  title: string
  /** What it does, and whether it can be undone. */
  children: ReactNode
  confirm: string
  /** A reason is asked for and handed on; without it the reason is an empty text. */
  asksReason?: boolean
  dangerous?: boolean
  busy?: boolean
  onConfirm: (reason: string) => void
}

/** Asks before something that can't be undone or that others must understand later. */
export function ConfirmDialog(props: ConfirmDialogProps) {
  const { t } = useTranslation()
  return (
    <Modal
      opened={props.opened}
      onClose={props.onClose}
      title={props.title}
      closeButtonProps={{ 'aria-label': t('action.close') }}
    >
      <ConfirmForm {...props} />
    </Modal>
  )
}

function ConfirmForm({
  children,
  confirm,
  asksReason,
  dangerous,
  busy,
  onClose,
  onConfirm,
}: ConfirmDialogProps) {
  const { t } = useTranslation()
  const [reason, setReason] = useState('')
  const submit = (event: FormEvent) => {
    event.preventDefault()
    onConfirm(reason.trim())
  }
  return (
    <form onSubmit={submit}>
      <Stack>
        {typeof children === 'string' ? <Text>{children}</Text> : children}
        {asksReason && (
          <Textarea
            label={t('action.reason')}
            description={t('action.reasonHint')}
            value={reason}
            onChange={(event) => setReason(event.currentTarget.value)}
            required
            maxLength={500}
            autosize
            minRows={2}
            data-autofocus
          />
        )}
        <Group justify="flex-end">
          <Button variant="default" onClick={onClose}>
            {t('action.cancel')}
          </Button>
          <Button type="submit" color={dangerous ? 'red.8' : undefined} loading={busy}>
            {confirm}
          </Button>
        </Group>
      </Stack>
    </form>
  )
}
