import { TextInput, type TextInputProps } from '@mantine/core'
import { type KeyboardEvent, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { type Entered, enteredText, type NumberRules, readNumber, stepped } from '../format/entered'
import { useNumberText } from './number'

interface NumberFieldProps extends Omit<TextInputProps, 'value' | 'onChange' | 'error' | 'min'> {
  value: Entered
  onChange: (value: Entered) => void
  rules?: NumberRules
  /** What an arrow key adds; 1 without it. */
  step?: number
  /** Stands behind the label. */
  unit?: string
  /** What the form or the platform says of it. */
  error?: string
}

/**
 * A number in a line of text: what was typed stays as it is, and what is wrong with it is said when
 * the field is left. Arrow keys step.
 */
export function NumberField({
  value,
  onChange,
  rules = {},
  step = 1,
  unit,
  label,
  error,
  onBlur,
  ...props
}: NumberFieldProps) {
  const { i18n } = useTranslation()
  const text = useNumberText()
  const [wasLeft, setLeft] = useState(false)
  const change = (entered: Entered) => {
    setLeft(false)
    onChange(entered)
  }
  const stepBy = (event: KeyboardEvent) => {
    const steps = { ArrowUp: step, ArrowDown: -step }[event.key]
    if (!steps || event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return
    const next = stepped(value, steps, i18n.language, rules)
    event.preventDefault()
    if (next !== undefined) change(next)
  }
  const isEmpty = typeof value === 'string' && value.trim() === ''
  // That something is missing is said when the form is sent.
  const read = wasLeft && !isEmpty ? readNumber(value, i18n.language, rules) : undefined
  const own = read && 'problem' in read ? text(read.problem, value, rules) : undefined
  return (
    <TextInput
      {...props}
      label={unit ? `${String(label)} (${unit})` : label}
      inputMode={rules.isInteger && (rules.min ?? -1) >= 0 ? 'numeric' : 'decimal'}
      autoComplete="off"
      required={rules.required}
      value={enteredText(value, i18n.language)}
      error={error ?? own}
      onChange={(event) => change(event.currentTarget.value)}
      onKeyDown={stepBy}
      onBlur={(event) => {
        setLeft(true)
        onBlur?.(event)
      }}
    />
  )
}
