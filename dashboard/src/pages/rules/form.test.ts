import { describe, expect, it } from 'vitest'
import type { Rule } from '../../api/types'
import { EMPTY, errorsOf, fromRule, isFormed, switched, toInput } from './form'

const RULE: Rule = {
  id: '01a21295-12ad-769f-a190-9dfb85f46d9f',
  organization_id: '01a21295-1202-721a-937e-525408288abc',
  name: 'Spindle too hot',
  machine_id: '01a21295-12b3-73d9-a5f7-27ce54bb0597',
  condition: {
    kind: 'threshold',
    signal: 'spindle.temperature',
    above: 80,
    clear_at: 75,
    hold_s: 30,
    clear_hold_s: 0,
  },
  severity: 'major',
  enabled: true,
  version: 3,
  created_at: '2026-11-25T12:00:00Z',
  updated_at: '2026-11-25T12:00:00Z',
}

describe('a rule', () => {
  it('comes back from its form as it was', () => {
    const { organization_id, name, machine_id, condition, severity, enabled } = RULE
    expect(toInput(fromRule(RULE), 'de')).toEqual({
      organization_id,
      name,
      machine_id,
      condition,
      severity,
      enabled,
    })
    expect(switched(RULE, false)).toMatchObject({ name, condition, enabled: false })
  })

  it('below a limit of zero is not lost', () => {
    const condition = { kind: 'threshold' as const, signal: 'oil.pressure', below: 0 }
    const form = fromRule({ ...RULE, condition })
    expect(form).toMatchObject({ direction: 'below', limit: 0, clear_at: '', hold_s: 0 })
    expect(toInput(form, 'en').condition).toMatchObject({ below: 0 })
  })

  it('keeps a condition that the form cannot hold', () => {
    const own = { parameter: 'max_temperature', default: 80 }
    const threshold = { kind: 'threshold' as const, signal: 't' }
    const state = { kind: 'state' as const, signal: 's', is: ['fault'] }
    for (const condition of [
      { ...threshold, above: own },
      { ...threshold, above: 1, unit: '°C' },
      state,
    ]) {
      const rule = { ...RULE, condition }
      expect(isFormed(rule)).toBe(false)
      expect(switched(rule, false)).toMatchObject({ condition, enabled: false })
    }
    expect(isFormed(RULE)).toBe(true)
  })

  it('watches a machine or a model, never both', () => {
    const both = { ...EMPTY, machine_id: RULE.id, model: ' CNC mill ' }
    expect(toInput({ ...both, scope: 'model' }, 'en')).toMatchObject({
      machine_id: undefined,
      model: 'CNC mill',
    })
    expect(toInput({ ...both, scope: 'machine' }, 'en')).toMatchObject({
      machine_id: RULE.id,
      model: undefined,
    })
  })
})

it('takes numbers as they were typed, in the language', () => {
  const typed = { ...EMPTY, limit: '1e5', clear_at: '80,5', hold_s: '0,25', clear_hold_s: '' }
  expect(toInput(typed, 'de').condition).toMatchObject({
    above: 100_000,
    clear_at: 80.5,
    hold_s: 0.25,
    clear_hold_s: 0,
  })
})

describe('errorsOf', () => {
  it('puts the platform’s objections at the fields', () => {
    const fields = {
      name: 'is empty',
      'condition.above': 'is not a number',
      'condition.clear_at': 'is above the limit',
      kind: 'is missing',
    }
    expect(errorsOf(fields)).toEqual({
      errors: { name: 'is empty', limit: 'is not a number', clear_at: 'is above the limit' },
      others: ['kind: is missing'],
    })
  })
})
