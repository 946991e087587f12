import { expect, it } from 'vitest'
import { objectionsTo } from './password'

it.each([
  ['old-password', 'a new password', 'a new password', {}],
  ['', 'a new password', 'a new password', { current: 'missing' }],
  ['old', '', '', { next: 'missing' }],
  ['old', 'elevenchars', 'elevenchars', { next: 'short' }],
  ['old', 'ääääää', 'ääääää', {}],
  ['old', 'x'.repeat(257), 'x'.repeat(257), { next: 'long' }],
  ['same password!', 'same password!', 'same password!', { next: 'same' }],
  ['old', 'a new password', 'another one', { again: 'different' }],
])('%o, %o, %o', (current, next, again, objections) => {
  expect(objectionsTo({ current, next, again })).toEqual(objections)
})
