import { TextInput } from '@mantine/core'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { useRenameMachine } from '../../../api/machines'
import { useNotify } from '../../../components/trouble'
import { DialogForm, fieldError, FormDialog, type MachineDialogProps } from './FormDialog'

const NAME_MAX = 200

export function RenameDialog(props: MachineDialogProps) {
  const { t } = useTranslation('machine')
  return (
    <FormDialog {...props} title={t('action.rename')}>
      <Form {...props} />
    </FormDialog>
  )
}

function Form({ machine, onClose }: MachineDialogProps) {
  const { t } = useTranslation('machine')
  const { t: common } = useTranslation()
  const notify = useNotify()
  const rename = useRenameMachine()
  const [name, setName] = useState(machine.name)
  const submit = () =>
    rename.mutate(
      { machine, name: name.trim() },
      {
        onSuccess: () => {
          notify.done(t('rename.done'))
          onClose()
        },
      },
    )
  return (
    <DialogForm
      submit={common('action.save')}
      busy={rename.isPending}
      error={rename.error}
      onSubmit={submit}
      onClose={onClose}
    >
      <TextInput
        label={t('rename.name')}
        value={name}
        error={fieldError(rename.error, 'name')}
        onChange={(event) => setName(event.currentTarget.value)}
        required
        maxLength={NAME_MAX}
        data-autofocus
      />
    </DialogForm>
  )
}
