import { Text, TextInput } from '@mantine/core'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { useMachineAction } from '../../../api/machines'
import { useNotify } from '../../../components/trouble'
import { DialogForm, FormDialog, type MachineDialogProps } from './FormDialog'

/** Takes a machine out of use for good, once its name is typed. */
export function DecommissionDialog(props: MachineDialogProps) {
  const { t } = useTranslation('machine')
  return (
    <FormDialog {...props} title={t('action.decommission')}>
      <Form {...props} />
    </FormDialog>
  )
}

function Form({ machine, onClose }: MachineDialogProps) {
  const { t } = useTranslation('machine')
  const notify = useNotify()
  const action = useMachineAction()
  const [typed, setTyped] = useState('')
  const submit = () =>
    action.mutate(
      { machine, kind: 'decommission' },
      {
        onSuccess: () => {
          notify.done(t('decommission.done'))
          onClose()
        },
      },
    )
  return (
    <DialogForm
      submit={t('decommission.submit')}
      dangerous
      disabled={typed.trim() !== machine.name}
      busy={action.isPending}
      error={action.error}
      onSubmit={submit}
      onClose={onClose}
    >
      <Text size="sm">{t('decommission.text')}</Text>
      <TextInput
        label={t('decommission.type', { name: machine.name })}
        value={typed}
        onChange={(event) => setTyped(event.currentTarget.value)}
        autoComplete="off"
        required
        data-autofocus
      />
    </DialogForm>
  )
}
