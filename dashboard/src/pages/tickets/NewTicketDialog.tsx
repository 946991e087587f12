import { Button, Group, Modal, NativeSelect, Stack, Textarea, TextInput } from '@mantine/core'
import { useForm } from '@mantine/form'
import { useTranslation } from 'react-i18next'
import { useNavigate } from 'react-router'
import { ProblemError } from '../../api/problem'
import { useSubmitKey } from '../../api/submit-key'
import { useCreateTicket } from '../../api/tickets'
import type { Priority } from '../../api/types'
import { MachineSelect } from '../../components/MachineSelect'
import { useNotify } from '../../components/trouble'

const TITLE_MAX = 200
const TEXT_MAX = 10_000
const PRIORITIES: Priority[] = ['P1', 'P2', 'P3', 'P4']

/** Opens a ticket about a machine by hand. */
export function NewTicketDialog({ opened, onClose }: { opened: boolean; onClose: () => void }) {
  const { t } = useTranslation('tickets')
  const { t: common } = useTranslation()
  return (
    <Modal
      opened={opened}
      onClose={onClose}
      title={t('new.title')}
      closeButtonProps={{ 'aria-label': common('action.close') }}
    >
      <NewTicketForm onClose={onClose} />
    </Modal>
  )
}

function NewTicketForm({ onClose }: { onClose: () => void }) {
  const { t } = useTranslation('tickets')
  const { t: common } = useTranslation()
  const navigate = useNavigate()
  const notify = useNotify()
  const create = useCreateTicket()
  const { key, onRefused } = useSubmitKey()
  const form = useForm({
    initialValues: { machine_id: '', title: '', description: '', priority: 'P3' as Priority },
    validate: {
      machine_id: (value) => (value ? null : t('new.needMachine')),
      title: (value) => (value.trim() ? null : t('new.needTitle')),
    },
  })
  const submit = form.onSubmit((values) =>
    create.mutate(
      { body: { ...values, title: values.title.trim() }, key },
      {
        onSuccess: (ticket) => {
          notify.done(t('new.done', { number: ticket.number }))
          void navigate(`/tickets/${ticket.id}`)
        },
        onError: (error) => {
          onRefused(error)
          const fields = error instanceof ProblemError ? error.fields : {}
          form.setErrors(fields)
          if (Object.keys(fields).length === 0) notify.failed(error)
        },
      },
    ),
  )
  return (
    <form onSubmit={submit} noValidate>
      <Stack>
        <MachineSelect
          label={t('machine')}
          description={t('new.machineHint')}
          required
          data-autofocus
          // Else it covers the rest of the form as soon as the dialog opens.
          openOnFocus={false}
          value={form.values.machine_id || null}
          onChange={(id) => form.setFieldValue('machine_id', id ?? '')}
          error={form.errors.machine_id}
        />
        <TextInput
          label={t('edit.title')}
          required
          maxLength={TITLE_MAX}
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
        <Group justify="flex-end">
          <Button variant="default" onClick={onClose}>
            {common('action.cancel')}
          </Button>
          <Button type="submit" loading={create.isPending}>
            {t('new.button')}
          </Button>
        </Group>
      </Stack>
    </form>
  )
}
