// @vitest-environment jsdom
import { fireEvent, screen } from '@testing-library/react'
import { useState } from 'react'
import { describe, expect, it } from 'vitest'
import type { Entered, NumberRules } from '../format/entered'
import { show } from '../testing/show'
import { NumberField } from './NumberField'

const last: { value?: Entered } = {}

function Field({ initial = '', rules }: { initial?: Entered; rules?: NumberRules }) {
  const [value, setValue] = useState<Entered>(initial)
  const change = (entered: Entered) => {
    last.value = entered
    setValue(entered)
  }
  return <NumberField label="Limit" value={value} onChange={change} rules={rules} />
}

const field = () => screen.getByRole<HTMLInputElement>('textbox', { name: /Limit/ })
const type = (text: string) => fireEvent.change(field(), { target: { value: text } })
const press = (key: string, more = {}) => fireEvent.keyDown(field(), { key, ...more })

describe('NumberField', () => {
  it.each(['1e5', '1.000,5', '-', '80 °C'])('keeps %o as it was typed', async (text) => {
    await show(<Field />)
    type(text)
    fireEvent.blur(field())
    expect(field().value).toBe(text)
    expect(last.value).toBe(text)
  })

  it('says what is wrong when it is left, naming value and rule', async () => {
    await show(<Field rules={{ min: 0, max: 604_800 }} />, 'de')
    type('1.000,5')
    expect(field().getAttribute('aria-invalid')).not.toBe('true')
    fireEvent.blur(field())
    expect(field().getAttribute('aria-invalid')).toBe('true')
    screen.getByText(/„1\.000,5“.*ohne Tausendertrennzeichen, mit „,“/)
    type('700000')
    expect(screen.queryByText(/Tausendertrennzeichen/)).toBeNull()
    fireEvent.blur(field())
    screen.getByText('700000 ist zu groß: höchstens 604800.')
    type('80,5')
    fireEvent.blur(field())
    expect(field().getAttribute('aria-invalid')).not.toBe('true')
  })

  it('may be left empty, and shows a number with the language’s decimal sign', async () => {
    await show(<Field initial={80.5} rules={{ required: true }} />, 'de')
    expect(field().value).toBe('80,5')
    expect(field().inputMode).toBe('decimal')
    type('')
    fireEvent.blur(field())
    expect(field().getAttribute('aria-invalid')).not.toBe('true')
  })

  it('quotes no more than the beginning of a long text', async () => {
    await show(<Field />)
    type('x'.repeat(500))
    fireEvent.blur(field())
    screen.getByText(`“${'x'.repeat(40)}…” isn't a number.`)
  })

  it('steps with the arrow keys, within the bounds', async () => {
    await show(<Field initial={1.5} rules={{ min: 0 }} />)
    press('ArrowUp')
    expect(field().value).toBe('2.5')
    press('ArrowDown')
    press('ArrowDown')
    press('ArrowDown')
    expect(field().value).toBe('0')
    press('ArrowUp', { ctrlKey: true })
    expect(field().value).toBe('0')
    type('1,000')
    press('ArrowUp')
    expect(field().value).toBe('1,000')
  })
})
