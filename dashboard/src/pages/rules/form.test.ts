import { describe, expect, it } from 'vitest'
import type { Rule } from '../../api/types'
import { EMPTY, fromRule, objectionsOf, switched, toInput } from './form'
import { fieldAt } from './tree/check'
import { type Condition, groupOf, leafOf } from './tree/draft'

const CONDITION = {
  kind: 'threshold',
  signal: 'spindle.temperature',
  above: 80,
  clear_at: 75,
  hold_s: 30,
  clear_hold_s: 0,
} satisfies Condition
const RULE: Rule = {
  id: '01a21295-12ad-769f-a190-9dfb85f46d9f',
  organization_id: '01a21295-1202-721a-937e-525408288abc',
  name: 'Spindle too hot',
  machine_id: '01a21295-12b3-73d9-a5f7-27ce54bb0597',
  condition: CONDITION,
  severity: 'major',
  enabled: true,
  version: 3,
  created_at: '2026-11-25T12:00:00Z',
  updated_at: '2026-11-25T12:00:00Z',
}

describe('a rule', () => {
  it('comes back from its form as it was', () => {
    const { organization_id, name, machine_id, condition, severity, enabled } = RULE
    expect(toInput(fromRule(RULE), condition)).toEqual({
      organization_id,
      name,
      machine_id,
      condition,
      severity,
      enabled,
    })
    expect(switched(RULE, false)).toMatchObject({ name, condition, enabled: false })
  })

  it('has the severity of its last level', () => {
    const level = (severity: 'minor' | 'critical') => ({ severity, condition: CONDITION })
    const levels: Condition = { kind: 'levels', levels: [level('minor'), level('critical')] }
    expect(toInput(EMPTY, levels).severity).toBe('critical')
    expect(toInput(EMPTY, CONDITION).severity).toBe('major')
  })

  it('watches a machine or a model, never both', () => {
    const both = { ...EMPTY, machine_id: RULE.id, model: ' CNC mill ' }
    expect(toInput({ ...both, scope: 'model' }, CONDITION)).toMatchObject({
      machine_id: undefined,
      model: 'CNC mill',
    })
    expect(toInput({ ...both, scope: 'machine' }, CONDITION)).toMatchObject({
      machine_id: RULE.id,
      model: undefined,
    })
  })
})

describe('objectionsOf', () => {
  it('puts the platform’s objections at the fields', () => {
    const [first, second] = [leafOf('threshold'), leafOf('state')]
    const fields = {
      name: 'is empty',
      'condition.conditions[0].above': 'is not a number',
      'condition.conditions[1].is': 'give is or is_not',
      'condition.conditions[1].is[2]': 'is of another kind than the first',
      'backtest.from': 'is too early',
    }
    expect(objectionsOf(fields, groupOf('all', [first, second]))).toEqual({
      own: { name: 'is empty' },
      tree: {
        [fieldAt(first.key, 'limit')]: 'is not a number',
        [fieldAt(second.key, 'values')]: 'give is or is_not; is of another kind than the first',
      },
      others: ['backtest.from: is too early'],
    })
  })
})
