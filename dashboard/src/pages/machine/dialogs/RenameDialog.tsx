import { TextInput } from '@mantine/core'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { useRenameMachine } from '../../../api/machines'
import { troubleOf } from '../../../api/problem'
import type { Machine } from '../../../api/types'
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
  // The version that was read here, not what others made of it meanwhile.
  const [read, setRead] = useState<Machine | undefined>(machine)
  const submit = () =>
    rename.mutate(
      { machine: read ?? machine, name: name.trim() },
      {
        onSuccess: () => {
          notify.done(t('rename.done'))
          onClose()
        },
        onError: (error) => troubleOf(error) === 'changed' && setRead(undefined),
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
