import { describe, expect, it } from 'vitest'
import { enteredText, given, type NumberRules, readNumber, stepped } from './entered'

describe('readNumber', () => {
  it.each([
    ['80', 80, 80],
    [' -20 ', -20, -20],
    ['−20', -20, -20],
    ['+3', 3, 3],
    ['1e5', 1e5, 1e5],
    ['1.5E-3', 0.0015, 0.0015],
    ['.5', 0.5, 0.5],
    ['5.', 5, 5],
    ['0.125', 0.125, 0.125],
    ['0,125', 0.125, 0.125],
    ['1.5', 1.5, 1.5],
    ['1,5', 1.5, 1.5],
    ['1234,567', 1234.567, 1234.567],
    ['1234.567', 1234.567, 1234.567],
    ['1.000', 1, 'separators'],
    ['1,000', 'separators', 1],
    ['-12.345', -12.345, 'separators'],
    ['-12,345', 'separators', -12.345],
    ['1.000,5', 'separators', 'separators'],
    ['1,000.5', 'separators', 'separators'],
    ['1,000,000', 'separators', 'separators'],
    ['1 000', 'separators', 'separators'],
    ['1\u202f000', 'separators', 'separators'],
    ["1'000", 'separators', 'separators'],
    ['-', 'number', 'number'],
    ['.', 'number', 'number'],
    ['1e', 'number', 'number'],
    ['80 °C', 'number', 'number'],
    ['0x10', 'number', 'number'],
    ['Infinity', 'number', 'number'],
    ['NaN', 'number', 'number'],
    ['1--2', 'number', 'number'],
    ['1e999', 'tooBig', 'tooBig'],
    ['', undefined, undefined],
    ['  ', undefined, undefined],
  ])('%o is %o in English and %o in German', (text, english, german) => {
    const result = (language: string) => {
      const read = readNumber(text, language)
      return 'value' in read ? read.value : read.problem
    }
    expect(result('en')).toBe(english)
    expect(result('de')).toBe(german)
  })

  it.each<[string, NumberRules, string]>([
    ['', { required: true }, 'required'],
    ['  ', { required: true }, 'required'],
    ['1.5', { isInteger: true }, 'integer'],
    ['-1', { min: 0 }, 'tooSmall'],
    ['11', { max: 10 }, 'tooLarge'],
  ])('%o breaks %o', (text, rules, problem) => {
    expect(readNumber(text, 'en', rules)).toEqual({ problem })
  })

  it('takes the bounds themselves, and whole numbers in any form', () => {
    expect(readNumber('0', 'en', { min: 0 })).toEqual({ value: 0 })
    expect(readNumber('10', 'en', { max: 10 })).toEqual({ value: 10 })
    expect(readNumber('1e3', 'en', { isInteger: true })).toEqual({ value: 1000 })
    expect(readNumber('2.0', 'de', { isInteger: true })).toEqual({ value: 2 })
  })

  it('takes a number as it is, in every language', () => {
    expect(readNumber(1.125, 'de')).toEqual({ value: 1.125 })
    expect(readNumber(1e-7, 'de')).toEqual({ value: 1e-7 })
    expect(readNumber(NaN, 'en')).toEqual({ problem: 'number' })
  })
})

it('given is the number, or nothing', () => {
  expect(given('1,5', 'de')).toBe(1.5)
  expect(given('1.000', 'de')).toBeUndefined()
  expect(given('', 'de')).toBeUndefined()
  expect(given(0, 'en')).toBe(0)
})

describe('enteredText', () => {
  it.each([1.125, -0.5, 1234.567, 12.345, 1e21, 1e-7, 0, 604_800])('%s is read again', (value) => {
    for (const language of ['en', 'de']) {
      expect(readNumber(enteredText(value, language), language)).toEqual({ value })
    }
  })

  it('has the language’s decimal sign and every digit, and keeps what was typed', () => {
    expect(enteredText(1234.56789, 'en')).toBe('1234.56789')
    expect(enteredText(1234.56789, 'de')).toBe('1234,56789')
    expect(enteredText('1.000,5', 'de')).toBe('1.000,5')
    expect(enteredText(NaN, 'de')).toBe('')
  })
})

describe('stepped', () => {
  it('goes on from what was typed, within the bounds', () => {
    expect(stepped('80,5', 1, 'de')).toBe(81.5)
    expect(stepped('0.2', 0.1, 'en')).toBe(0.3)
    expect(stepped('', -1, 'en')).toBe(-1)
    expect(stepped('0', -1, 'en', { min: 0 })).toBe(0)
    expect(stepped('99', 10, 'en', { max: 100 })).toBe(100)
    expect(stepped('1.000,5', 1, 'de')).toBeUndefined()
  })
})
