import { describe, expect, it } from 'vitest'
import type { BacktestResult, Rule, RuleInput } from '../../../api/types'
import { marksOf, sharesOf } from '../results/marks'
import {
  firstForm,
  type HistoryForm,
  historyInput,
  historyProblem,
  type HistoryProblem,
  rangeOf,
} from './historyForm'

const NOW = new Date('2026-11-28T12:00').getTime()
const ID = '01a21295-12ad-769f-a190-9dfb85f46d9f'
const input: RuleInput = {
  name: 'Too hot',
  machine_id: ID,
  condition: { kind: 'threshold', signal: 't', above: 80 },
  severity: 'major',
}
const rule = { id: ID, version: 3 } as Partial<Rule> as Rule
const form = (more: Partial<HistoryForm> = {}): HistoryForm => ({ ...firstForm(NOW), ...more })
const failure = { key: 'a', machineId: ID, at: '2026-11-04T11:20', name: ' bearing ' }

describe('a trial on history', () => {
  it('is of the last 30 days at first, up to now', () => {
    expect(firstForm(NOW)).toMatchObject({ from: '2026-10-29', to: '2026-11-28' })
    expect(rangeOf(firstForm(NOW), NOW)).toEqual({
      from: new Date('2026-10-29T00:00').getTime(),
      to: NOW,
    })
    const day = { from: '2026-05-04', to: '2026-05-04' }
    expect(rangeOf(day, NOW)?.to).toBe(new Date('2026-05-05T00:00').getTime())
  })

  const cases: [HistoryProblem | undefined, Partial<HistoryForm>][] = [
    ['dates', { from: '' }],
    ['order', { from: '2026-11-20', to: '2026-11-10' }],
    ['order', { from: '2027-01-01', to: '2027-01-02' }],
    ['tooLong', { from: '2025-01-01' }],
    ['failures', { failures: [{ ...failure, at: '' }] }],
    ['failures', { failures: [{ ...failure, machineId: null }] }],
    ['lead', { failures: [failure], leadHours: '0' }],
    ['lead', { failures: [failure], leadHours: 'soon' }],
    [undefined, { leadHours: 'soon' }],
    [undefined, { failures: [failure], leadHours: '1,5' }],
  ]
  it.each(cases)('%s', (problem, more) => {
    expect(historyProblem(form(more), NOW, 'de')).toBe(problem)
  })

  it('says all that was entered, and nothing that wasn’t', () => {
    const of = { input, rule, now: NOW, language: 'en' }
    expect(historyInput(form(), of)).toEqual({
      ...input,
      backtest: {
        from: new Date('2026-10-29T00:00').toISOString(),
        to: new Date(NOW).toISOString(),
      },
    })
    const more = { machineIds: [ID], failures: [failure], leadHours: '1.5', isCompared: true }
    expect(historyInput(form(more), of)?.backtest).toMatchObject({
      machine_ids: [ID],
      lead_s: 5_400,
      known_failures: [
        { machine_id: ID, at: new Date('2026-11-04T11:20').toISOString(), name: 'bearing' },
      ],
      against_rule_id: ID,
      against_version: 3,
    })
  })
})

const AT = ['2026-11-04T08:00:00Z', '2026-11-04T10:00:00Z', '2026-11-05T10:00:00Z'] as const
const totals = {
  alarms: 2,
  tickets: 1,
  reopened: 0,
  in_alarm_s: 60,
  in_alarm_share: 0.1,
  values: 9,
}
const alarm = (from: string, to: string | null, context: object) => ({
  ...{ from, to, severity: 'minor' as const, worst: 'major' as const, message: 'hot' },
  context: context as Record<string, never>,
})
const RESULT: BacktestResult = {
  machines_left_out: 0,
  rule: {
    engine_ms: 1,
    totals,
    failures: [
      { machine_id: ID, at: AT[1], name: 'bearing', announced_at: AT[0] },
      { machine_id: 'other', at: AT[1] },
    ],
    machines: [
      {
        machine_id: ID,
        alarms: [
          alarm(AT[0], AT[1], { signal: 't', causes: [{ signal: 't' }, { signal: 'u' }] }),
          alarm(AT[2], null, { signal: 'a', from: 'b' }),
        ],
        tickets: [],
        missing_signals: [],
        totals,
      },
    ],
  },
  differences: {
    ...{ complete: true, only_rule: 1, only_against: 1 },
    machines: [
      {
        machine_id: ID,
        only_rule: [{ from: AT[2], to: AT[2] }],
        only_against: [{ from: AT[1], to: AT[2] }],
      },
    ],
  },
}

describe('what came out', () => {
  it('is drawn with severities, differences and failures', () => {
    const words = {
      message: ({ message }: { message: string }) => message,
      onlyRule: (message: string) => `${message}, new`,
      onlyAgainst: 'old',
      failure: (name: string | null | undefined, isAnnounced: boolean) => `${name} ${isAnnounced}`,
    }
    const [first, second, third] = AT.map((at) => Date.parse(at))
    const from = Date.parse('2026-11-01T00:00:00Z')
    expect(marksOf(RESULT, { machineId: ID, from }, words)).toEqual([
      { kind: 'alarm', at: first, until: second, label: 'hot', severity: 'major' },
      { kind: 'alarm', at: third, until: undefined, label: 'hot, new', severity: 'major' },
      { kind: 'alarm', at: second, until: third, label: 'old', severity: 'indeterminate' },
      { kind: 'failure', at: second, label: 'bearing true' },
    ])
    expect(marksOf(RESULT, { machineId: 'nobody', from }, words)).toEqual([])
  })

  it('has shares where there is something to share', () => {
    const failures = { known: 4, announced: 1, missed: 3, alarms_without_failure: 1 }
    expect(sharesOf({ ...totals, failures })).toEqual({ precision: 0.5, announced: 0.25 })
    expect(sharesOf(totals)).toEqual({ precision: undefined, announced: undefined })
    const none = { known: 0, announced: 0, missed: 0, alarms_without_failure: 0 }
    expect(sharesOf({ ...totals, alarms: 0, failures: none })).toEqual({
      precision: undefined,
      announced: undefined,
    })
  })
})
