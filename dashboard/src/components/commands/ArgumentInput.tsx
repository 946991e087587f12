import { Checkbox, NativeSelect, Textarea, TextInput } from '@mantine/core'
import { useTranslation } from 'react-i18next'
import { useFormat } from '../../format/use'
import type { Field, FieldError, FieldValue } from './arguments'

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
  const { t } = useTranslation('machine')
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
    case 'text':
      return <TextInput {...text} maxLength={field.max} />
    default:
      return <TextInput {...text} inputMode={field.kind === 'integer' ? 'numeric' : 'decimal'} />
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
export function useFieldErrorText(): (error: FieldError, field: Field) => string {
  const { t } = useTranslation('machine')
  const format = useFormat()
  return (error, { kind, min, max }) => {
    const what = kind === 'text' ? 'Text' : 'Number'
    switch (error) {
      case 'tooSmall':
        return t(`command.error.tooSmall${what}`, { min: format.number(min ?? 0) })
      case 'tooLarge':
        return t(`command.error.tooLarge${what}`, { max: format.number(max ?? 0) })
      default:
        return t(`command.error.${error}`)
    }
  }
}
