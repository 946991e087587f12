import { TextInput, type TextInputProps } from '@mantine/core'
import { useState } from 'react'

interface CheckedInputProps extends Omit<TextInputProps, 'value' | 'onChange' | 'error'> {
  value: string
  onChange: (value: string) => void
  /** What is wrong with the value, told once the field is left. */
  problem: string | undefined
  /** What the form or the platform says of it. */
  error: string | undefined
}

/** A line of text: what is wrong with it is said when the field is left, as with numbers. */
export function CheckedInput({ onChange, problem, error, ...props }: CheckedInputProps) {
  const [wasLeft, setLeft] = useState(false)
  return (
    <TextInput
      {...props}
      error={error ?? (wasLeft ? problem : undefined)}
      onChange={(event) => {
        setLeft(false)
        onChange(event.currentTarget.value)
      }}
      onBlur={() => setLeft(true)}
    />
  )
}
