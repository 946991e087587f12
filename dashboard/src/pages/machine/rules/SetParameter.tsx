import { Text, TextInput } from '@mantine/core'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { useSetParameters } from '../../../api/parameters'
import { ProblemError, troubleOf } from '../../../api/problem'
import type { Machine } from '../../../api/types'
import { NumberField } from '../../../components/NumberField'
import { useNumberCheck } from '../../../components/number'
import { useNotify } from '../../../components/trouble'
import { type Entered, given, type NumberRules } from '../../../format/entered'
import { PARAMETER_NAME_MAX } from '../../rules/tree/formats'
import { DialogForm, FormDialog, type MachineDialogProps } from '../dialogs/FormDialog'
import { changed, nameProblem, type ParameterRow } from './parameters'

interface SetParameterProps extends MachineDialogProps {
  /** Without it a new one is named. */
  row: ParameterRow | undefined
}

const NUMBER: NumberRules = { required: true }

/** Asks for the machine's own value of a parameter. */
export function SetParameter(props: SetParameterProps) {
  const { t } = useTranslation('machine')
  const { row } = props
  const title = row ? t('parameters.setOf', { name: row.name }) : t('parameters.add')
  return (
    <FormDialog {...props} title={title}>
      <Form {...props} />
    </FormDialog>
  )
}

function Form({ machine, row, onClose }: SetParameterProps) {
  const { t, i18n } = useTranslation('machine')
  const { t: common } = useTranslation()
  const notify = useNotify()
  const check = useNumberCheck()
  const save = useSetParameters()
  const [name, setName] = useState(row?.name ?? '')
  const [value, setValue] = useState<Entered>(row?.own ?? '')
  const [isSent, setSent] = useState(false)
  // The version that was read here, not what others made of it meanwhile.
  const [read, setRead] = useState<Machine | undefined>(machine)
  const of = read ?? machine
  const wrongName = row ? undefined : nameProblem(name.trim(), of)
  const wrongNumber = check(value, NUMBER)
  const submit = () => {
    setSent(true)
    const number = given(value, i18n.language)
    if (wrongName || wrongNumber !== null || number === undefined) return
    save.mutate(
      { machine: of, parameters: changed(of, name.trim(), number) },
      {
        onSuccess: () => {
          notify.done(t('parameters.done', { name: name.trim() }))
          onClose()
        },
        onError: (error) => troubleOf(error) === 'changed' && setRead(undefined),
      },
    )
  }
  return (
    <DialogForm
      submit={common('action.save')}
      busy={save.isPending}
      error={save.error}
      onSubmit={submit}
      onClose={onClose}
    >
      <Text size="sm">{t('parameters.effect')}</Text>
      {!row && (
        <TextInput
          label={t('parameters.name')}
          description={t('parameters.nameHint')}
          value={name}
          error={isSent && wrongName ? t(`parameters.wrong.${wrongName}`) : undefined}
          onChange={(event) => setName(event.currentTarget.value)}
          required
          maxLength={PARAMETER_NAME_MAX}
          autoComplete="off"
          data-autofocus
        />
      )}
      <NumberField
        label={t('parameters.own')}
        rules={NUMBER}
        value={value}
        error={(isSent ? wrongNumber : null) ?? refused(save.error)}
        onChange={setValue}
        data-autofocus={row ? true : undefined}
      />
    </DialogForm>
  )
}

/** What the platform says of the parameters, of one or of all. */
function refused(error: unknown): string | undefined {
  if (!(error instanceof ProblemError)) return undefined
  return Object.entries(error.fields).find(([field]) => field.startsWith('parameters'))?.[1]
}
