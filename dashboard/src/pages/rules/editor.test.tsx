// @vitest-environment jsdom
/** The rule's page: tried while it is edited, refused at its fields, and the last word on alarms. */
import { fireEvent, screen, waitFor, within } from '@testing-library/react'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { signIn } from '../../api/session'
import type { Alarm, Backtest, BacktestResult, Rule } from '../../api/types'
import { atAddress, show } from '../../testing/show'
import { AlarmPage } from '../alarm/AlarmPage'
import { BacktestPage } from './history/BacktestPage'
import { BacktestsPage } from './history/BacktestsPage'
import { RuleEditorPage } from './RuleEditorPage'

const ID = '01a21295-12ad-769f-a190-9dfb85f46d9f'
const AT = '2026-11-28T12:00:00Z'

const rule = (condition: Rule['condition']): Rule => ({
  ...{ id: ID, organization_id: ID, name: 'Too hot', machine_id: ID, condition },
  ...{ enabled: true, version: 3, created_at: AT, updated_at: AT },
  severity: 'major',
})
const alarm = (more: Partial<Alarm>): Alarm => ({
  ...{ id: ID, organization_id: ID, machine_id: ID, machine_name: 'Mill 1', version: 1, count: 1 },
  ...{ code: ID, source: '', rule_id: ID, rule_name: 'Too hot' },
  origin: 'rule',
  severity: 'major',
  ...{ active: true, acknowledged: false, out_of_service: false, message: 'It is hot' },
  ...{ raised_at: AT, received_at: AT, changed_at: AT, context: {} },
  ...more,
})
const totals = {
  ...{ alarms: 2, tickets: 1, reopened: 0, in_alarm_s: 90, in_alarm_share: 0.125, values: 9 },
}
const result: BacktestResult = {
  machines_left_out: 0,
  rule: {
    ...{ engine_ms: 1, failures: [], totals },
    machines: [
      {
        ...{ machine_id: ID, alarms: [], tickets: [], totals },
        missing_signals: ['door'],
        first_value_at: AT,
      },
    ],
  },
}
const backtest = (more: Partial<Backtest>): Backtest => ({
  ...{ id: ID, organization_id: ID, name: 'Too hot', progress: 1, values: 9 },
  state: 'succeeded',
  ...{ cancel_requested: false, created_at: AT, created_by: { kind: 'user' }, expires_at: AT },
  ...{ from: '2026-11-27T12:00:00Z', to: AT, machine_ids: [ID], preview: false },
  condition: { kind: 'threshold', signal: 't', above: 80, hold_s: 0 },
  ...more,
})

/** What the platform answers with, by method and path. */
let answers: Record<string, () => Response>
let sent: { path: string; body: Record<string, unknown> }[]
let permissions: string[]

async function platform(input: Request | string): Promise<Response> {
  const request = new Request(input)
  const { pathname } = new URL(request.url)
  if (pathname.endsWith('/auth/login')) {
    return Response.json({ access_token: 'a', expires_in: 900 })
  }
  if (pathname.endsWith('/auth/me')) return Response.json({ id: ID, name: 'Ada', permissions })
  const path = `${request.method} ${pathname.replace('/api/v1', '')}`
  if (request.method !== 'GET') {
    const text = await request.text()
    sent.push({ path, body: (text ? JSON.parse(text) : {}) as Record<string, unknown> })
  }
  return answers[path]?.() ?? Response.json({ items: [], series: [] })
}

const say = (path: string, body: unknown, status = 200) => {
  answers[path] = () => Response.json(body, { status })
}
const bodies = (path: string) => sent.filter((each) => each.path === path).map(({ body }) => body)

beforeEach(async () => {
  answers = {}
  sent = []
  permissions = ['rules.read', 'rules.write', 'telemetry.read', 'alarms.read', 'alarms.write']
  say(`GET /machines/${ID}`, { id: ID, name: 'Mill 1', serial_number: '1', version: 1 })
  say('POST /rules/backtest', backtest({ result }), 202)
  say(`GET /rules/${ID}/precision`, {
    ...{ rule_id: ID, from: AT, to: AT, alarms: 5, real: 3, nuisance: 1, expected: 1 },
    ...{ precision: 0.75, versions: [] },
  })
  vi.stubGlobal('fetch', platform)
  await signIn('a@b.example', 'secret')
})

const THRESHOLD = { kind: 'threshold', signal: 't', above: 80, hold_s: 1 } as const
const page = () => atAddress(<RuleEditorPage />, `/rules/${ID}`, '/rules/:id')
const fill = (name: RegExp, value: string) =>
  fireEvent.change(screen.getByRole('textbox', { name }), { target: { value } })

describe('a rule that is edited', () => {
  it('is tried as it stands, and compared with what is saved when that is wanted', async () => {
    say(`GET /rules/${ID}`, rule(THRESHOLD))
    await show(page())
    await within(await screen.findByTestId('trial')).findByText(/^2 alarms · 1 ticket/)
    screen.getByText('The machine has no signal door.')
    await screen.findByText('Precision 75 %')
    screen.getByText('5 alarms: 3 real, 1 nuisance, 1 expected.')
    fill(/Limit/, '90')
    await waitFor(() => expect(bodies('POST /rules/backtest')).toHaveLength(2))
    expect(bodies('POST /rules/backtest')[1]).toMatchObject({
      name: 'Preview: Too hot',
      condition: { kind: 'threshold', above: 90 },
      backtest: { machine_ids: [ID], preview: true },
    })
    fireEvent.click(screen.getByRole('checkbox', { name: 'Compare with the saved version' }))
    await waitFor(() =>
      expect(bodies('POST /rules/backtest').at(-1)).toMatchObject({
        backtest: { against_rule_id: ID, against_version: 3 },
      }),
    )
  })

  it('says at its fields why it can’t be tried', async () => {
    say(`GET /rules/${ID}`, rule({ kind: 'any', conditions: [THRESHOLD] }))
    const errors = [{ field: 'condition.conditions[0].signal', message: 'has no signal "t"' }]
    say('POST /rules/backtest', { title: 'Invalid', status: 422, errors }, 422)
    await show(page())
    await screen.findByText('No preview')
    const signal = screen.getByRole('combobox', { name: /Signal/ })
    expect(signal.getAttribute('aria-invalid')).toBe('true')
    screen.getByText('has no signal "t"')
  })

  it('isn’t tried while something is missing, and isn’t saved', async () => {
    say(`GET /rules/${ID}`, rule(THRESHOLD))
    await show(page())
    await screen.findByTestId('trial')
    fill(/Limit/, '')
    await screen.findByText(/^Complete the condition to see/)
    fireEvent.click(screen.getByRole('button', { name: 'Save' }))
    await screen.findByText('Enter a number.')
    expect(bodies('POST /rules/backtest')).toHaveLength(1)
    expect(bodies(`PUT /rules/${ID}`)).toEqual([])
  })

  it('isn’t tried for who may not see values', async () => {
    permissions = ['rules.read']
    say(`GET /rules/${ID}`, rule(THRESHOLD))
    await show(page())
    await screen.findByText('You may look at rules, not change them.')
    await screen.findByText(/When t is above 80 for 1 s on Mill 1/)
    expect(screen.queryByText('Preview on history')).toBeNull()
    expect(sent).toEqual([])
  })

  it('is a tree whose parts are taken away and had again', async () => {
    const state = { kind: 'state' as const, signal: 's', is: ['on'] }
    say(`GET /rules/${ID}`, rule({ kind: 'all', conditions: [THRESHOLD, state] }))
    say(`PUT /rules/${ID}`, rule(THRESHOLD))
    await show(page())
    const remove = await screen.findByRole('button', {
      name: 'Remove: A state, and for how long',
    })
    fireEvent.click(remove)
    await screen.findByText('Removed: A state, and for how long.')
    expect(screen.queryByRole('button', { name: /^Remove: A state/ })).toBeNull()
    const undo = screen.getByRole('button', { name: 'Undo' })
    expect(document.activeElement).toBe(undo)
    fireEvent.click(undo)
    await screen.findByRole('button', { name: /^Remove: A state/ })
    fireEvent.click(screen.getByRole('button', { name: 'Save' }))
    await waitFor(() =>
      expect(bodies(`PUT /rules/${ID}`)[0]).toMatchObject({
        condition: { kind: 'all', conditions: [{ kind: 'threshold' }, { ...state }] },
      }),
    )
  })

  it('that the form can’t hold is edited as JSON', async () => {
    const newer = { kind: 'resonance', signal: 't' } as unknown as Rule['condition']
    say(`GET /rules/${ID}`, rule(newer))
    await show(page())
    const field = await screen.findByRole('textbox', { name: 'Condition as JSON' })
    fireEvent.change(field, { target: { value: '{' } })
    await screen.findByText(/^This isn't valid JSON/)
    fireEvent.change(field, { target: { value: JSON.stringify(THRESHOLD) } })
    fireEvent.click(screen.getByRole('button', { name: 'Back to the form' }))
    await screen.findByRole('textbox', { name: /Limit/ })
  })
})

describe('a backtest', () => {
  const view = () => atAddress(<BacktestPage />, `/rules/backtests/${ID}`, '/rules/backtests/:id')

  it('shows what came out, by machine', async () => {
    say(`GET /rules/backtests/${ID}`, backtest({ result }))
    await show(view())
    const row = within(await screen.findByTestId(`machine-${ID}`))
    await row.findByRole('link', { name: 'Mill 1' })
    row.getByText('1 min 30 s')
    row.getByText('12.5 %')
    expect(row.getByRole('button', { name: 'Draw' }).getAttribute('aria-pressed')).toBe('true')
  })

  it('runs, and is stopped', async () => {
    say(`GET /rules/backtests/${ID}`, backtest({ state: 'running', progress: 0.254 }))
    await show(view())
    await screen.findByText('25 % done, 9 values read.')
    say(`GET /rules/backtests/${ID}`, backtest({ state: 'canceled' }))
    fireEvent.click(screen.getByRole('button', { name: 'Stop it' }))
    await screen.findByText('The backtest was stopped')
    expect(sent.map(({ path }) => path)).toEqual([`POST /rules/backtests/${ID}/cancel`])
  })

  it('says why it was given up', async () => {
    say(`GET /rules/backtests/${ID}`, backtest({ state: 'failed', error: 'too many values' }))
    await show(view())
    await screen.findByText('The backtest was given up')
    screen.getByText('too many values')
  })

  it('is listed, or there is none', async () => {
    const { unmount } = await show(atAddress(<BacktestsPage />))
    await screen.findByText(/^You haven't tried a rule/)
    screen.getByText('Your own, newest first, without previews. Each is kept for 7 days.')
    unmount()
    say('GET /rules/backtests', { items: [backtest({ state: 'running', progress: 0.5 })] })
    await show(atAddress(<BacktestsPage />))
    const link = await screen.findByRole('link', { name: 'Too hot' })
    expect(link.getAttribute('href')).toBe(`/rules/backtests/${ID}`)
    screen.getByText('Running')
  })
})

describe('an alarm’s page', () => {
  const view = () => atAddress(<AlarmPage />, `/alarms/${ID}`, '/alarms/:id')
  const context = (of: object) => of as Alarm['context']

  it('says in numbers what a rule that learns has found', async () => {
    const finding = (signal: string, share: number, observed: number) => ({
      ...{ signal, share, observed, expected: 5, spread: 0.5, text: signal },
    })
    const findings = [finding('load', 0.16, 5.5), finding('vibration', 0.84, 7.05)]
    const told = context({ kind: 'anomaly', signal: 'vibration', findings })
    say(`GET /alarms/${ID}`, alarm({ context: told }))
    await show(view())
    await screen.findByRole('heading', { level: 1, name: 'It is hot' })
    const rows = screen.getAllByRole('listitem').map(({ textContent }) => textContent)
    expect(rows[0]).toMatch(/vibration.*84.%.*4\.1 σ above.*7\.05, expected 5/)
    expect(rows[1]).toMatch(/load.*16.%.*1 σ above/)
    screen.getByRole('progressbar', { name: 'Share of vibration: 84 %' })
    const link = screen.getByRole('link', { name: /Too hot/ })
    expect(link.getAttribute('href')).toBe(`/rules/${ID}`)
  })

  it('says which limit was passed', async () => {
    const told = { signal: 't', value: 81.5, side: 'above', limit: 80, hold_s: 10 }
    say(`GET /alarms/${ID}`, alarm({ context: context(told) }))
    await show(view())
    await screen.findByText('t was 81.5, above the limit of 80, for 10 s')
  })

  it('keeps what people say of it, and what was said can be changed', async () => {
    say(`GET /alarms/${ID}`, alarm({}))
    await show(view())
    await screen.findByText('Nobody has said yet.')
    await screen.findByRole('button', { name: 'Nuisance' })
    const said = { verdict: 'nuisance', by: { kind: 'user', name: 'Ada' }, at: AT, note: 'dust' }
    say(`POST /alarms/${ID}/feedback`, alarm({ feedback: said as Alarm['feedback'] }))
    say(`GET /alarms/${ID}`, alarm({ feedback: said as Alarm['feedback'] }))
    fill(/Note/, ' dust ')
    fireEvent.click(screen.getByRole('button', { name: 'Nuisance' }))
    const word = within(await screen.findByTestId('feedback'))
    word.getByText('Nuisance')
    word.getByText('Ada')
    word.getByText('dust')
    expect(bodies(`POST /alarms/${ID}/feedback`)).toEqual([{ verdict: 'nuisance', note: 'dust' }])
    const pressed = await screen.findByRole('button', { name: 'Nuisance', pressed: true })
    expect(pressed).toBeTruthy()
    fireEvent.click(screen.getByRole('button', { name: 'Real' }))
    await waitFor(() => expect(bodies(`POST /alarms/${ID}/feedback`)).toHaveLength(2))
  })

  it('asks only those who may say', async () => {
    permissions = ['alarms.read', 'telemetry.read']
    say(`GET /alarms/${ID}`, alarm({ context: context({ signal: 't' }) }))
    await show(view())
    await screen.findByText('Nobody has said yet.')
    // The chart's heading comes with the permissions.
    await screen.findByRole('heading', { name: 'What was measured' })
    expect(screen.queryByRole('button', { name: 'Real' })).toBeNull()
  })
})
