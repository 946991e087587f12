import { describe, expect, it } from 'vitest'
import { isolated, withoutControls } from './bidi'

describe('isolated', () => {
  it.each(['Mill 1', 'Fräse №2 (°C)', '機械', '🏭', '', '25 Nov 2026'])(
    'leaves %o as it is',
    (text) => {
      expect(isolated(text)).toBe(text)
    },
  )

  it.each([
    ['Hebrew', 'מכונה 1', 'מכונה 1'],
    ['Arabic', 'آلة 1', 'آلة 1'],
    ['an override', 'Mill\u202e1 lliM', 'Mill1 lliM'],
    ['an isolate that is closed too soon', 'a\u2069\u202eb', 'ab'],
    ['an isolate that is left open', 'a\u2067b', 'ab'],
    ['Adlam', '\ud83a\udd00', '\ud83a\udd00'],
  ])('keeps %s apart', (_, text, inner) => {
    expect(isolated(text)).toBe(`\u2068${inner}\u2069`)
  })
})

it('withoutControls keeps all that is read', () => {
  expect(withoutControls('\u202eמכונה\u2069 1\u200f')).toBe('מכונה 1\u200f')
})
