import { describe, expect, it } from 'vitest'
import type { CatalogueEntry, Command } from '../../api/types'
import { argumentsOf, fieldsOf, initialValues } from './arguments'
import { choose, describe as describeEntry } from './choice'
import { stepsOf } from './steps'

const SCHEMA = {
  type: 'object',
  required: ['percent'],
  properties: {
    driver: { type: 'string', enum: ['simulator'] },
    note: { type: 'string', minLength: 2, maxLength: 4, description: 'a word' },
    percent: { type: 'number', minimum: 20, maximum: 110 },
    times: { type: 'integer', default: 3 },
    force: { type: 'boolean', default: true },
    points: { type: 'array', items: { type: 'number' } },
  },
}

describe('fieldsOf', () => {
  it('makes a field of each property, required ones first', () => {
    expect(fieldsOf(SCHEMA).map(({ name, kind }) => [name, kind])).toEqual([
      ['percent', 'number'],
      ['driver', 'choice'],
      ['note', 'text'],
      ['times', 'integer'],
      ['force', 'boolean'],
      ['points', 'json'],
    ])
  })

  it('takes bounds, description, choices and defaults along', () => {
    const fields = fieldsOf(SCHEMA)
    expect(fields[0]).toMatchObject({ required: true, min: 20, max: 110 })
    expect(fields[1]).toMatchObject({ options: ['simulator'] })
    expect(fields[2]).toMatchObject({ min: 2, max: 4, description: 'a word' })
    expect(initialValues(fields)).toMatchObject({ times: '3', force: true, note: '' })
  })

  it('asks nothing without properties, and JSON for what it does not understand', () => {
    expect(fieldsOf(undefined)).toEqual([])
    expect(fieldsOf({ type: 'object' })).toEqual([])
    expect(fieldsOf({ properties: { a: true, b: { enum: [1, 2] } } })).toMatchObject([
      { name: 'a', kind: 'json' },
      { name: 'b', kind: 'json' },
    ])
  })
})

describe('argumentsOf', () => {
  const fields = fieldsOf(SCHEMA)

  it('gives typed arguments and leaves out what is empty', () => {
    const values = { percent: '50,5', times: '', force: false, points: '[1, 2]' }
    expect(argumentsOf(fields, values, 'en')).toEqual({
      args: { percent: 50.5, force: false, points: [1, 2] },
      errors: {},
    })
  })

  it.each([
    [{ percent: '' }, 'percent', 'required'],
    [{ percent: 'fast' }, 'percent', 'number'],
    [{ percent: '1,000.5' }, 'percent', 'separators'],
    [{ percent: '10' }, 'percent', 'tooSmall'],
    [{ percent: '111' }, 'percent', 'tooLarge'],
    [{ percent: '50', times: '1.5' }, 'times', 'integer'],
    [{ percent: '50', note: 'x' }, 'note', 'tooShort'],
    [{ percent: '50', note: 'xxxxx' }, 'note', 'tooLong'],
    [{ percent: '50', points: '[1,' }, 'points', 'json'],
  ])('says what is wrong with %o', (values, field, error) => {
    expect(argumentsOf(fields, values, 'en').errors).toEqual({ [field]: error })
  })
})

describe('choose', () => {
  const entry = (name: string, remedyFor: string[] = []): CatalogueEntry => ({
    name,
    arguments: {},
    class: 'read',
    deadline_s: 1,
    needs_consent: false,
    description: { en: `does ${name}`, de: `macht ${name}` },
    remedy_for: remedyFor,
  })
  const entries = [entry('ping'), entry('lubricate', ['E-204'])]

  it('puts what remedies a fault apart', () => {
    const { remedies, others } = choose(entries, {
      search: '',
      language: 'en',
      faultCodes: ['E-204'],
    })
    expect(remedies.map(({ name }) => name)).toEqual(['lubricate'])
    expect(others.map(({ name }) => name)).toEqual(['ping'])
  })

  it("finds by name and by the reader's description", () => {
    const found = choose(entries, { search: 'MACHT p', language: 'de', faultCodes: [] })
    expect(found.others.map(({ name }) => name)).toEqual(['ping'])
  })

  it('describes in English when there is no text in the language', () => {
    expect(describeEntry(entry('ping'), 'fr')).toBe('does ping')
    expect(describeEntry({ ...entry('ping'), description: undefined }, 'en')).toBeUndefined()
  })
})

describe('stepsOf', () => {
  const at = '2026-11-25T12:00:00Z'
  const progress = (command: Partial<Command>, asks = false) =>
    Object.fromEntries(
      stepsOf(command as Command, asks).map((each) => [each.step, each.progress] as const),
    )

  it.each([
    ['queued', false, { sent: 'current', received: 'ahead', running: 'ahead', end: 'ahead' }],
    ['sent', false, { sent: 'done', received: 'current', running: 'ahead', end: 'ahead' }],
    ['unconfirmed', false, { sent: 'done', received: 'current', running: 'ahead', end: 'ahead' }],
    ['received', false, { sent: 'done', received: 'done', running: 'current', end: 'ahead' }],
    [
      'received',
      true,
      { sent: 'done', received: 'done', consent: 'current', running: 'ahead', end: 'ahead' },
    ],
    [
      'awaiting_consent',
      false,
      { sent: 'done', received: 'done', consent: 'current', running: 'ahead', end: 'ahead' },
    ],
    ['running', false, { sent: 'done', received: 'done', running: 'current', end: 'ahead' }],
    [
      'awaiting_approval',
      false,
      { approval: 'current', sent: 'ahead', received: 'ahead', running: 'ahead', end: 'ahead' },
    ],
  ] as const)('of %s (asks: %s)', (state, asks, expected) => {
    expect(progress({ state }, asks)).toEqual(expected)
  })

  it('shows what an ended command has not reached', () => {
    expect(progress({ state: 'succeeded', sent_at: at, started_at: at })).toEqual({
      sent: 'done',
      received: 'done',
      running: 'done',
      end: 'done',
    })
    expect(progress({ state: 'expired' })).toEqual({
      sent: 'skipped',
      received: 'skipped',
      running: 'skipped',
      end: 'done',
    })
    expect(progress({ state: 'rejected', reason: 'consent_refused', sent_at: at })).toEqual({
      sent: 'done',
      received: 'done',
      consent: 'skipped',
      running: 'skipped',
      end: 'done',
    })
  })
})
