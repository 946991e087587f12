import { NativeSelect, Text, Textarea } from '@mantine/core'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { useMachineAction } from '../../../api/machines'
import { useNotify } from '../../../components/trouble'
import { useFormat } from '../../../format/use'
import { DialogForm, fieldError, FormDialog, type MachineDialogProps } from './FormDialog'

/** In seconds. */
const DURATIONS = [1_800, 3_600, 7_200, 14_400, 28_800, 86_400, 259_200]
const REASON_MAX = 500

/** Starts maintenance mode, or sets another end for it. */
export function MaintenanceDialog(props: MachineDialogProps) {
  const { t } = useTranslation('machine')
  return (
    <FormDialog {...props} title={t('action.maintenance')}>
      <Form {...props} />
    </FormDialog>
  )
}

function Form({ machine, onClose }: MachineDialogProps) {
  const { t } = useTranslation('machine')
  const { t: common } = useTranslation()
  const format = useFormat()
  const notify = useNotify()
  const action = useMachineAction()
  const [seconds, setSeconds] = useState(3_600)
  const [reason, setReason] = useState('')
  const start = () =>
    action.mutate(
      { machine, kind: 'start_maintenance', forS: seconds, reason: reason.trim() },
      {
        onSuccess: () => {
          notify.done(t('maintenance.started'))
          onClose()
        },
      },
    )
  return (
    <DialogForm
      submit={t('maintenance.start')}
      busy={action.isPending}
      error={action.error}
      onSubmit={start}
      onClose={onClose}
    >
      <Text size="sm">{t('maintenance.text')}</Text>
      <NativeSelect
        label={t('maintenance.for')}
        value={String(seconds)}
        data={DURATIONS.map((s) => ({ value: String(s), label: format.duration(s * 1000) }))}
        error={fieldError(action.error, 'for_s')}
        onChange={(event) => setSeconds(Number(event.currentTarget.value))}
        data-autofocus
      />
      <Textarea
        label={common('action.reason')}
        value={reason}
        error={fieldError(action.error, 'reason')}
        onChange={(event) => setReason(event.currentTarget.value)}
        required
        maxLength={REASON_MAX}
        autosize
        minRows={2}
      />
    </DialogForm>
  )
}
