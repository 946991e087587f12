// @vitest-environment jsdom
/** What a backtest found, in the reader's language, and what of it charts can't tell. */
import { screen } from '@testing-library/react'
import { expect, it } from 'vitest'
import type { Backtest, BacktestAlarm, BacktestResult } from '../../../api/types'
import { show } from '../../../testing/show'
import type { ComparedWith } from './marks'
import { RunSummary } from './RunSummary'
import { useMarks } from './useMarks'

const ID = '01a21295-12ad-769f-a190-9dfb85f46d9f'
/** The backtest begins at 12:00. */
const at = (minute: number) =>
  new Date(Date.parse('2026-11-28T12:00:00Z') + minute * 60_000).toISOString()

const alarm = (from: number, to: number, message: string, context: object = {}): BacktestAlarm => ({
  ...{ from: at(from), to: at(to), message },
  severity: 'major',
  worst: 'major',
  context: context as BacktestAlarm['context'],
})
const totals = {
  alarms: 2,
  tickets: 1,
  reopened: 0,
  in_alarm_s: 90,
  in_alarm_share: 0.125,
  values: 9,
}
type Differences = NonNullable<BacktestResult['differences']>
const span = (from: number, to: number) => ({ from: at(from), to: at(to) })

const backtest = (alarms: BacktestAlarm[], differences?: Differences): Backtest => ({
  ...{ id: ID, organization_id: ID, name: 'Too hot', progress: 1, values: 9 },
  state: 'succeeded',
  ...{ cancel_requested: false, created_at: at(60), created_by: { kind: 'user' } },
  ...{ expires_at: at(60), from: at(0), to: at(60), machine_ids: [ID], preview: false },
  condition: { kind: 'threshold', signal: 't', above: 80 },
  result: {
    machines_left_out: 0,
    differences,
    rule: {
      ...{ engine_ms: 1, failures: [], totals },
      machines: [{ machine_id: ID, alarms, tickets: [], missing_signals: [], totals }],
    },
  },
})

function Marks({ of, comparedWith = 'saved' }: { of: Backtest; comparedWith?: ComparedWith }) {
  const marks = useMarks(of, ID, comparedWith)
  return (
    <ul>
      {marks.map(({ label }, place) => (
        <li key={place}>{label}</li>
      ))}
    </ul>
  )
}
const labels = () => screen.queryAllByRole('listitem').map(({ textContent }) => textContent)

const LIMIT = { signal: 't', value: 81.5, side: 'above', limit: 80, hold_s: 10 }
const MADE = { ...LIMIT, message_key: 'condition' }

it('are alarms in German where the platform has made their messages', async () => {
  const alarms = [
    alarm(1, 2, 't above 80', MADE),
    alarm(5, 6, 't above 80', MADE),
    alarm(9, 10, 'zu heiß', LIMIT),
  ]
  const machines = [{ machine_id: ID, only_rule: [span(5, 6)], only_against: [span(20, 21)] }]
  const of = backtest(alarms, { only_rule: 1, only_against: 1, complete: true, machines })
  const { unmount } = await show(<Marks of={of} />, 'de')
  const words = 't war 81,5, über der Grenze von 80, für 10 s'
  expect(labels()).toEqual([
    ...[words, `${words} (nur mit den Änderungen)`, 'zu heiß'],
    'Nur mit der gespeicherten Fassung',
  ])
  unmount()
  await show(<Marks of={of} comparedWith="other" />)
  expect(labels()).toEqual([
    ...['t above 80', 't above 80 (only with the rule that was tried)', 'zu heiß'],
    'Only with the rule that it was compared with',
  ])
})

it('are of one rule only also when the alarm was active before the beginning', async () => {
  const machines = [{ machine_id: ID, only_rule: [span(0, 3)], only_against: [] }]
  const of = backtest([alarm(-30, 3, 'hot'), alarm(10, 11, 'hot')], {
    ...{ only_rule: 1, only_against: 0, complete: true, machines },
  })
  await show(<Marks of={of} />)
  expect(labels()).toEqual(['hot (only with the changes)', 'hot'])
})

/** So many on each side, of which the platform lists the first 20. */
const many = (count: number): Differences => {
  const spans = Array.from({ length: count }, (_, place) => span(place, place + 0.5)).slice(0, 20)
  const machines = [{ machine_id: ID, only_rule: spans, only_against: spans }]
  return { only_rule: count, only_against: count, complete: true, machines }
}
const summary = (differences: Differences, comparedWith: ComparedWith) => (
  <RunSummary {...{ totals, differences, comparedWith }} against={totals} />
)

it('are told to be not all when more differ than are listed', async () => {
  const { again } = await show(
    <>
      <Marks of={backtest([], many(21))} />
      {summary(many(21), 'saved')}
    </>,
  )
  expect(labels()).toHaveLength(20)
  screen.getByText('21 alarms only with the changes. 21 alarms only with the saved version.')
  screen.getByText(/^Of the alarms only with the changes, 20 are marked in charts/)
  screen.getByText(/^Of the alarms only with the saved version, 20 are drawn/)
  again(summary(many(20), 'saved'))
  screen.getByText(/^20 alarms only with the changes/)
  expect(screen.queryByText(/^Of the alarms/)).toBeNull()
})

it('don’t call any rule the saved version', async () => {
  await show(summary(many(21), 'other'))
  screen.getByText(/^The rule that it was compared with: 2 alarms/)
  screen.getByText(
    /^21 alarms only with the rule that was tried. 21 alarms only with the rule that/,
  )
  expect(screen.getByTestId('trial').textContent).not.toMatch(/saved version|changes/)
})
