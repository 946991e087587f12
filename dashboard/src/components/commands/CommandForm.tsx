import { Alert, Button, Group, NativeSelect, Stack, Text, TextInput, Title } from '@mantine/core'
import { type FormEvent, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { useIssueCommand } from '../../api/commands'
import { ProblemError } from '../../api/problem'
import { useSendKey } from '../../api/sendKey'
import type { CatalogueEntry, Command, IssueCommand } from '../../api/types'
import { useFormat } from '../../format/use'
import { useTroubleText } from '../trouble'
import { ArgumentInput, useFieldErrorText } from './ArgumentInput'
import { argumentsOf, fieldsOf, type FieldValue, initialValues } from './arguments'
import { describe } from './choice'

interface CommandFormProps {
  machineId: string
  ticketId?: string
  entry: CatalogueEntry
  onBack: () => void
  onIssued: (command: Command) => void
}

/** For how long a command may be begun, in seconds. */
const EXPIRIES = [60, 300, 900, 3_600, 86_400]
const PURPOSE_MAX = 200

/** Asks for a command's arguments and sends it. */
export function CommandForm({ machineId, ticketId, entry, onBack, onIssued }: CommandFormProps) {
  const { i18n } = useTranslation()
  const { t } = useTranslation('machine')
  const issue = useIssueCommand()
  const keyFor = useSendKey()
  const fields = fieldsOf(entry.arguments)
  const errorText = useFieldErrorText()
  const [values, setValues] = useState<Record<string, FieldValue>>(() => initialValues(fields))
  const [errors, setErrors] = useState<Record<string, string>>({})
  const [purpose, setPurpose] = useState('')
  const [expiry, setExpiry] = useState(300)
  const submit = (event: FormEvent) => {
    event.preventDefault()
    const { args, errors: found } = argumentsOf(fields, values, i18n.language)
    const texts = fields.flatMap((field) => {
      const error = found[field.name]
      return error ? [[field.name, errorText(error, field, values[field.name])] as const] : []
    })
    setErrors(Object.fromEntries(texts))
    if (texts.length > 0) return
    const body: IssueCommand = {
      name: entry.name,
      args: args as IssueCommand['args'],
      expires_in_s: expiry,
      purpose: purpose.trim() || undefined,
      ticket_id: ticketId,
    }
    issue.mutate({ machineId, body, key: keyFor(body, issue.error) }, { onSuccess: onIssued })
  }
  const refused = refusedFields(issue.error)
  const errorOf = (name: string) => errors[name] ?? refused[name]
  return (
    <form onSubmit={submit} noValidate>
      <Stack gap="sm">
        <div>
          <Title order={3} size="h5" ff="monospace">
            {entry.name}
          </Title>
          <Text size="sm">{describe(entry, i18n.language)}</Text>
          {entry.needs_consent && <Text size="sm">{t('command.consentAhead')}</Text>}
        </div>
        <Refusal error={issue.error} />
        {fields.map((field, index) => (
          <ArgumentInput
            key={field.name}
            field={field}
            value={values[field.name] ?? field.initial}
            error={errorOf(field.name)}
            isFirst={index === 0}
            onChange={(value) => setValues((all) => ({ ...all, [field.name]: value }))}
          />
        ))}
        <TextInput
          label={t('command.purpose')}
          description={t('command.purposeHint')}
          value={purpose}
          maxLength={PURPOSE_MAX}
          error={errorOf('purpose')}
          onChange={(event) => setPurpose(event.currentTarget.value)}
        />
        <Expiry value={expiry} error={errorOf('expires_in_s')} onChange={setExpiry} />
        <Group justify="space-between">
          <Button variant="default" onClick={onBack}>
            {t('command.chooseOther')}
          </Button>
          <Button type="submit" loading={issue.isPending} data-autofocus={fields.length === 0}>
            {t('command.send')}
          </Button>
        </Group>
      </Stack>
    </form>
  )
}

function Expiry({
  value,
  error,
  onChange,
}: {
  value: number
  error: string | undefined
  onChange: (seconds: number) => void
}) {
  const { t } = useTranslation('machine')
  const format = useFormat()
  return (
    <NativeSelect
      label={t('command.expiry')}
      description={t('command.expiryHint')}
      value={String(value)}
      error={error}
      data={EXPIRIES.map((s) => ({ value: String(s), label: format.duration(s * 1000) }))}
      onChange={(event) => onChange(Number(event.currentTarget.value))}
    />
  )
}

function Refusal({ error }: { error: unknown }) {
  const text = useTroubleText()
  return (
    <div aria-live="assertive">
      {error !== null && error !== undefined && (
        <Alert color="red" variant="outline">
          {text(error)}
        </Alert>
      )}
    </div>
  )
}

/** The platform names an argument `args.percent` or `args/percent`; the form names it `percent`. */
function refusedFields(error: unknown): Record<string, string> {
  if (!(error instanceof ProblemError)) return {}
  return Object.fromEntries(
    Object.entries(error.fields).map(([field, text]) => [field.replace(/^args[./]/, ''), text]),
  )
}
