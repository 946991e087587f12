import { Button, Group } from '@mantine/core'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { isFinal, useCancelCommand, useDecideCommand } from '../../api/commands'
import { useMay } from '../../api/people'
import type { Command } from '../../api/types'
import { ConfirmDialog } from '../ConfirmDialog'
import { useNotify } from '../trouble'

/** Approve, refuse, cancel: what is possible in its state and allowed to the person. */
export function CommandActions({ command }: { command: Command }) {
  const may = useMay()
  const { t } = useTranslation('machine')
  const notify = useNotify()
  const decide = useDecideCommand()
  const [asks, setAsks] = useState<'refuse' | 'cancel'>()
  const waits = command.state === 'awaiting_approval' && may('commands.approve')
  const cancelable =
    !isFinal(command.state) &&
    !command.cancel_requested &&
    may(`commands.issue.${command.class ?? 'software'}`)
  const approve = () =>
    decide.mutate(
      { command, approve: true },
      { onSuccess: () => notify.done(t('command.approved')), onError: notify.failed },
    )
  if (!waits && !cancelable) return null
  return (
    <Group gap="xs">
      {waits && (
        <>
          <Button size="xs" loading={decide.isPending} onClick={approve}>
            {t('command.approve')}
          </Button>
          <Button size="xs" variant="default" onClick={() => setAsks('refuse')}>
            {t('command.refuse')}
          </Button>
        </>
      )}
      {cancelable && (
        <Button size="xs" variant="default" onClick={() => setAsks('cancel')}>
          {t('command.cancel')}
        </Button>
      )}
      <CancelDialog
        command={command}
        opened={asks === 'cancel'}
        onClose={() => setAsks(undefined)}
      />
      <RefuseDialog
        command={command}
        opened={asks === 'refuse'}
        onClose={() => setAsks(undefined)}
      />
    </Group>
  )
}

interface DialogProps {
  command: Command
  opened: boolean
  onClose: () => void
}

function CancelDialog({ command, opened, onClose }: DialogProps) {
  const { t } = useTranslation('machine')
  const notify = useNotify()
  const cancel = useCancelCommand()
  const confirm = () =>
    cancel.mutate(command, {
      onSuccess: () => notify.done(t('command.cancelAsked')),
      onError: notify.failed,
      onSettled: onClose,
    })
  return (
    <ConfirmDialog
      opened={opened}
      onClose={onClose}
      title={t('command.cancelTitle', { name: command.name })}
      confirm={t('command.cancel')}
      dangerous
      busy={cancel.isPending}
      onConfirm={confirm}
    >
      {t('command.cancelText')}
    </ConfirmDialog>
  )
}

function RefuseDialog({ command, opened, onClose }: DialogProps) {
  const { t } = useTranslation('machine')
  const notify = useNotify()
  const decide = useDecideCommand()
  const confirm = (reason: string) =>
    decide.mutate(
      { command, approve: false, reason },
      {
        onSuccess: () => notify.done(t('command.refused')),
        onError: notify.failed,
        onSettled: onClose,
      },
    )
  return (
    <ConfirmDialog
      opened={opened}
      onClose={onClose}
      title={t('command.refuseTitle', { name: command.name })}
      confirm={t('command.refuse')}
      asksReason
      busy={decide.isPending}
      onConfirm={confirm}
    >
      {t('command.refuseText')}
    </ConfirmDialog>
  )
}
