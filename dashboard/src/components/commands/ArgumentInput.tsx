import { Checkbox, NativeSelect, Textarea, TextInput } from '@mantine/core'
import { useTranslation } from 'react-i18next'
import { enteredText } from '../../format/entered'
import { useFormat } from '../../format/use'
import { NumberField } from '../NumberField'
import { useNumberText } from '../number'
import { type Field, type FieldError, type FieldValue, rulesOf } from './arguments'

interface ArgumentInputProps {
  field: Field
  value: FieldValue
  error: string | undefined
  isFirst: boolean
  onChange: (value: FieldValue) => void
}

/** The control that suits a field. */
export function ArgumentInput({ field, value, error, isFirst, onChange }: ArgumentInputProps) {
  const bounds = useBounds(field)
  const { t, i18n } = useTranslation('machine')
  const hints = [field.description, bounds, field.kind === 'json' ? t('command.json') : undefined]
  const common = {
    label: field.name,
    description: hints.filter(Boolean).join(' · ') || undefined,
    error,
    'data-autofocus': isFirst || undefined,
  }
  if (field.kind === 'boolean') {
    return (
      <Checkbox
        {...common}
        checked={value === true}
        onChange={(event) => onChange(event.currentTarget.checked)}
      />
    )
  }
  if (field.kind === 'number' || field.kind === 'integer') {
    return (
      <NumberField
        {...common}
        rules={rulesOf(field)}
        value={String(value)}
        onChange={(entered) => onChange(enteredText(entered, i18n.language))}
      />
    )
  }
  const text = {
    ...common,
    required: field.required,
    value: String(value),
    onChange: (event: { currentTarget: { value: string } }) => onChange(event.currentTarget.value),
  }
  switch (field.kind) {
    case 'choice':
      return <NativeSelect {...text} data={['', ...field.options]} />
    case 'json':
      return <Textarea {...text} autosize minRows={2} ff="monospace" />
    default:
      return <TextInput {...text} maxLength={field.max} />
  }
}

function useBounds({ kind, min, max }: Field): string | undefined {
  const { t } = useTranslation('machine')
  const format = useFormat()
  if (kind !== 'number' && kind !== 'integer') return undefined
  if (min !== undefined && max !== undefined) {
    return t('command.between', { min: format.number(min), max: format.number(max) })
  }
  if (min !== undefined) return t('command.atLeast', { min: format.number(min) })
  return max === undefined ? undefined : t('command.atMost', { max: format.number(max) })
}

/** What is wrong with a field, in words. */
export function useFieldErrorText(): (
  error: FieldError,
  field: Field,
  value: FieldValue | undefined,
) => string {
  const { t } = useTranslation('machine')
  const format = useFormat()
  const numberText = useNumberText()
  return (error, field, value) => {
    switch (error) {
      case 'tooShort':
        return t('command.error.tooShort', { min: format.number(field.min ?? 0) })
      case 'tooLong':
        return t('command.error.tooLong', { max: format.number(field.max ?? 0) })
      case 'json':
      case 'required':
        return t(`command.error.${error}`)
      default:
        return numberText(error, String(value), rulesOf(field))
    }
  }
}
