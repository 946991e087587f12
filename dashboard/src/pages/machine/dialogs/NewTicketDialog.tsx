import { NativeSelect, Textarea, TextInput } from '@mantine/core'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { useNavigate } from 'react-router'
import { useSendKey } from '../../../api/sendKey'
import { useCreateTicket } from '../../../api/tickets'
import type { Priority } from '../../../api/types'
import { useNotify } from '../../../components/trouble'
import { DialogForm, fieldError, FormDialog, type MachineDialogProps } from './FormDialog'

const PRIORITIES: Priority[] = ['P1', 'P2', 'P3', 'P4']
const TITLE_MAX = 200
const DESCRIPTION_MAX = 10_000

/** Opens a ticket about the machine and goes to it. */
export function NewTicketDialog(props: MachineDialogProps) {
  const { t } = useTranslation('machine')
  return (
    <FormDialog {...props} title={t('action.ticket')}>
      <Form {...props} />
    </FormDialog>
  )
}

function Form({ machine, onClose }: MachineDialogProps) {
  const { t } = useTranslation('machine')
  const navigate = useNavigate()
  const notify = useNotify()
  const create = useCreateTicket()
  const keyFor = useSendKey()
  const [title, setTitle] = useState('')
  const [description, setDescription] = useState('')
  const [priority, setPriority] = useState<Priority>('P3')
  const submit = () => {
    const body = { machine_id: machine.id, title: title.trim(), description, priority }
    create.mutate(
      { body, key: keyFor(body, create.error) },
      {
        onSuccess: (ticket) => {
          notify.done(t('ticket.opened', { number: ticket.number }))
          onClose()
          void navigate(`/tickets/${ticket.id}`)
        },
      },
    )
  }
  return (
    <DialogForm
      submit={t('ticket.open')}
      busy={create.isPending}
      error={create.error}
      onSubmit={submit}
      onClose={onClose}
    >
      <TextInput
        label={t('ticket.title')}
        value={title}
        error={fieldError(create.error, 'title')}
        onChange={(event) => setTitle(event.currentTarget.value)}
        required
        maxLength={TITLE_MAX}
        data-autofocus
      />
      <Textarea
        label={t('ticket.description')}
        value={description}
        error={fieldError(create.error, 'description')}
        onChange={(event) => setDescription(event.currentTarget.value)}
        maxLength={DESCRIPTION_MAX}
        autosize
        minRows={3}
        maxRows={10}
      />
      <NativeSelect
        label={t('ticket.priority')}
        value={priority}
        data={PRIORITIES.map((value) => ({ value, label: t(`ticket.priorities.${value}`) }))}
        error={fieldError(create.error, 'priority')}
        onChange={(event) => setPriority(event.currentTarget.value as Priority)}
      />
    </DialogForm>
  )
}
