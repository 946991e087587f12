/** Conditions to the form and back. */
import { describe, expect, it } from 'vitest'
import { problemsOf } from './check'
import { childrenOf, leafOf } from './draft'
import { GROUPS, KINDS, LOW } from './examples'
import { draftOf, isHeld } from './read'
import { toCondition } from './write'

const json = (value: unknown): unknown => JSON.parse(JSON.stringify(value))

describe.each(['en', 'de'])('to the form and back, %s', (language) => {
  it.each([...KINDS, ...GROUPS].map((condition) => [condition.kind, condition] as const))(
    '%s',
    (kind, condition) => {
      const draft = draftOf(condition, language)
      expect(draft.kind).toBe(kind)
      const made = json(toCondition(draft, language))
      expect(isHeld(condition, made)).toBe(true)
      // Once more, what came out is what goes in.
      expect(json(toCondition(draftOf(made, language), language))).toEqual(made)
      expect([...problemsOf(draft, language)]).toEqual([])
    },
  )
})

describe('what the form can’t hold', () => {
  const both = { kind: 'threshold', signal: 't', above: 1, below: 0 }
  const newer = { kind: 'resonance', signal: 't' }
  const more = { kind: 'state', signal: 's', is: ['a'], sometimes: true }
  it.each([
    both,
    newer,
    more,
    { kind: 'state', signal: 's', is: ['a', 1] },
    { kind: 'all' },
    { kind: 'state', signal: 5, is: ['a'] },
    'text',
    null,
  ])('%j stays as it is', (odd) => {
    const draft = draftOf(odd, 'en')
    expect(draft.kind).toBe('json')
    expect(json(toCondition(draft, 'en'))).toEqual(odd ?? {})
  })

  it('is JSON only where it has to be', () => {
    const mixed = { kind: 'all', conditions: [LOW, newer], hold_s: 0, clear_hold_s: 0 }
    const draft = draftOf(mixed, 'en')
    expect(childrenOf(draft).map(({ kind }) => kind)).toEqual(['threshold', 'json'])
    expect(isHeld(mixed, json(toCondition(draft, 'en')))).toBe(true)
  })
})

it('takes numbers as they were typed, in the language', () => {
  const none = { isParameter: false, parameter: '', number: '' }
  const leaf = leafOf('threshold', {
    signal: ' t ',
    limit: { ...none, number: '1e5' },
    clear_at: { ...none, number: '80,5' },
    hold_s: '0,25',
    clear_hold_s: '',
  })
  expect(toCondition(leaf, 'de')).toMatchObject({
    signal: 't',
    above: 100_000,
    clear_at: 80.5,
    hold_s: 0.25,
    clear_hold_s: 0,
  })
})
