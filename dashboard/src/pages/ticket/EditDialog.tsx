import { Button, Group, Modal, NativeSelect, Stack, Textarea, TextInput } from '@mantine/core'
import { useForm } from '@mantine/form'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { ProblemError, troubleOf } from '../../api/problem'
import { useUpdateTicket } from '../../api/tickets'
import type { Priority, Ticket, UpdateTicket } from '../../api/types'
import { useNotify } from '../../components/trouble'
import { useAssignees } from './useAssignees'

const TITLE_MAX = 200
const TEXT_MAX = 10_000
const PRIORITIES: Priority[] = ['P1', 'P2', 'P3', 'P4']

interface EditDialogProps {
  ticket: Ticket
  opened: boolean
  onClose: () => void
}

export function EditDialog({ ticket, opened, onClose }: EditDialogProps) {
  const { t } = useTranslation('tickets')
  const { t: common } = useTranslation()
  return (
    <Modal
      opened={opened}
      onClose={onClose}
      title={t('edit.what', { number: ticket.number })}
      closeButtonProps={{ 'aria-label': common('action.close') }}
    >
      <EditForm ticket={ticket} onClose={onClose} />
    </Modal>
  )
}

function EditForm({ ticket, onClose }: Omit<EditDialogProps, 'opened'>) {
  const { t } = useTranslation('tickets')
  const { t: common } = useTranslation()
  const notify = useNotify()
  const assignees = useAssignees(ticket)
  const { mutate, isPending } = useUpdateTicket()
  // The version that was read here, not what others made of it meanwhile.
  const [read, setOpened] = useState<Ticket | undefined>(ticket)
  const opened = read ?? ticket
  const form = useForm({
    initialValues: {
      title: ticket.title,
      description: ticket.description,
      priority: ticket.priority,
      assignee_id: ticket.assignee_id ?? '',
    },
    validate: { title: (value) => (value.trim() ? null : t('new.needTitle')) },
  })
  const submit = form.onSubmit((values) => {
    // Only what was changed here: the rest may have been changed by others meanwhile.
    const change: UpdateTicket = {}
    if (form.isDirty('title')) change.title = values.title.trim()
    if (form.isDirty('description')) change.description = values.description
    if (form.isDirty('priority')) change.priority = values.priority
    if (form.isDirty('assignee_id')) change.assignee_id = values.assignee_id || null
    if (Object.keys(change).length === 0) return onClose()
    mutate(
      { ticket: opened, change },
      {
        onSuccess: () => {
          notify.done(t('edit.done'))
          onClose()
        },
        onError: (error) => {
          const fields = error instanceof ProblemError ? error.fields : {}
          form.setErrors(fields)
          if (Object.keys(fields).length > 0) return
          notify.failed(error)
          // Who has read that others changed it may save what was written over it.
          if (troubleOf(error) === 'changed') setOpened(undefined)
        },
      },
    )
  })
  return (
    <form onSubmit={submit} noValidate>
      <Stack>
        <TextInput
          label={t('edit.title')}
          required
          maxLength={TITLE_MAX}
          data-autofocus
          {...form.getInputProps('title')}
        />
        <Textarea
          label={t('edit.description')}
          maxLength={TEXT_MAX}
          autosize
          minRows={3}
          maxRows={12}
          {...form.getInputProps('description')}
        />
        <NativeSelect
          label={t('priority')}
          data={PRIORITIES.map((value) => ({ value, label: t(`priorityWords.${value}`) }))}
          {...form.getInputProps('priority')}
        />
        <NativeSelect
          label={t('assignee')}
          data={[{ value: '', label: t('nobody') }, ...assignees]}
          {...form.getInputProps('assignee_id')}
        />
        <Group justify="flex-end">
          <Button variant="default" onClick={onClose}>
            {common('action.cancel')}
          </Button>
          <Button type="submit" loading={isPending}>
            {common('action.save')}
          </Button>
        </Group>
      </Stack>
    </form>
  )
}
