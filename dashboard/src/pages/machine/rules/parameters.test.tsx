// @vitest-environment jsdom
/** A machine's own limits: what rules ask for, and how people set and remove them. */
import { fireEvent, screen, waitFor, within } from '@testing-library/react'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { useMachine } from '../../../api/machines'
import { useMay } from '../../../api/people'
import { signIn } from '../../../api/session'
import type { Machine, Rule } from '../../../api/types'
import { atAddress, show } from '../../../testing/show'
import { Parameters } from './Parameters'
import { changed, nameProblem, parametersOf } from './parameters'

const ID = '01a21295-12ad-769f-a190-9dfb85f46d9f'
const AT = '2026-11-28T12:00:00Z'

const rule = (id: string, condition: unknown, more: Partial<Rule> = {}): Rule => ({
  ...{ id, organization_id: ID, name: `Rule ${id}`, model: 'mill', enabled: true, version: 1 },
  ...{ created_at: AT, updated_at: AT },
  severity: 'major',
  condition: condition as Rule['condition'],
  ...more,
})
const limit = (parameter: string, fallback: number) => ({ parameter, default: fallback })
const above = (of: unknown, more: object = {}) => ({
  ...{ kind: 'threshold', signal: 't', above: of },
  ...more,
})
const machine = (parameters?: Record<string, number>, version = 1): Machine => ({
  ...{ id: ID, name: 'Mill 1', serial_number: '1', organization_id: ID, external_ids: {} },
  criticality: 'normal',
  state: 'commissioned',
  ...{ version, created_at: AT, updated_at: AT, connection: { connected: true }, parameters },
})

describe('what rules ask for', () => {
  it('is found in all parts of a condition, each once a rule and default', () => {
    const levels = [
      { severity: 'minor', condition: above(limit('warm', 70)) },
      {
        severity: 'major',
        condition: { kind: 'all', conditions: [above(limit('hot', 80)), above(90)] },
      },
    ]
    const gate = above(limit('hot', 80), { clear_at: limit('hot', 60) })
    const rules = [
      rule('1', { kind: 'levels', levels }),
      rule('2', { kind: 'while', condition: gate, while: above(limit('warm', 70)) }),
      rule('3', above(5)),
    ]
    const rows = parametersOf(rules, machine({ hot: 85.5, old: 1 }))
    const told = rows.map(({ name, own, uses }) => [
      ...[name, own],
      uses.map((use) => [use.rule.id, use.fallback]),
    ])
    expect(told).toEqual([
      [
        'hot',
        85.5,
        [
          ['1', 80],
          ['2', 80],
          ['2', 60],
        ],
      ],
      ['old', 1, []],
      [
        'warm',
        undefined,
        [
          ['1', 70],
          ['2', 70],
        ],
      ],
    ])
  })

  it('is named as the platform takes it', () => {
    const of = machine({ hot: 1 })
    expect(nameProblem('max_temperature.2', of)).toBeUndefined()
    expect(['', 'Max', 'a b', 'ä', 'a'.repeat(65)].map((name) => nameProblem(name, of))).toEqual(
      Array.from({ length: 5 }, () => 'name'),
    )
    expect(nameProblem('hot', of)).toBe('taken')
    expect(nameProblem('constructor', of)).toBeUndefined()
  })

  it('is changed one by one, and the others stay', () => {
    expect(changed(machine({ a: 1, b: 2 }), 'b', 0)).toEqual({ a: 1, b: 0 })
    expect(changed(machine({ a: 1, b: 2 }), 'b', undefined)).toEqual({ a: 1 })
    expect(changed(machine(), 'b', 3)).toEqual({ b: 3 })
  })
})

let current: Machine
let rules: Rule[]
let areRulesBroken: boolean
let permissions: string[]
let patched: { match: string | null; body: unknown }[]
/** What a change is answered with; the newest machine without it. */
let refusal: Response | undefined

async function platform(input: Request | string): Promise<Response> {
  const request = new Request(input)
  const { pathname } = new URL(request.url)
  if (pathname.endsWith('/auth/login')) {
    return Response.json({ access_token: 'a', expires_in: 900 })
  }
  if (pathname.endsWith('/auth/me')) return Response.json({ id: ID, name: 'Ada', permissions })
  if (pathname.endsWith('/rules')) {
    return areRulesBroken ? problem(500) : Response.json({ items: rules, next_cursor: null })
  }
  if (request.method === 'PATCH') {
    patched.push({ match: request.headers.get('if-match'), body: await request.json() })
    const answer = refusal
    refusal = undefined
    return answer ?? Response.json(current)
  }
  return Response.json(current)
}

const problem = (status: number, errors?: object[]) =>
  Response.json({ type: 'x', title: 'Refused', status, errors }, { status })

beforeEach(async () => {
  rules = [rule('1', above(limit('max_temperature', 80)), { name: 'Too hot' })]
  areRulesBroken = false
  permissions = ['rules.read', 'machines.read', 'machines.write']
  patched = []
  refusal = undefined
  vi.stubGlobal('fetch', platform)
  await signIn('a@b.example', 'secret')
})

/** As the machine's page: what is shown is asked for again after a change. */
function Page() {
  const { data } = useMachine(ID)
  const may = useMay()
  return (
    <>
      {may('rules.read') && <p>signed in</p>}
      {data && <Parameters machine={data as Machine} />}
    </>
  )
}

function page(of: Machine) {
  current = of
  return atAddress(<Page />)
}
const fill = (name: RegExp, value: string) =>
  fireEvent.change(screen.getByRole('textbox', { name }), { target: { value } })
const press = (name: string | RegExp) => fireEvent.click(screen.getByRole('button', { name }))

describe('the machine’s page', () => {
  it('shows the default where the machine has no value, and sets one', async () => {
    await show(page(machine({ other: 1 }, 3)))
    const row = within(await screen.findByTestId('parameter-max_temperature'))
    row.getByText('None: the default holds')
    const link = row.getByRole('link', { name: 'Too hot' })
    expect(link.getAttribute('href')).toBe('/rules/1')
    row.getByText(/default 80/)
    within(screen.getByTestId('parameter-other')).getByText('No rule that you can see asks for it.')
    fireEvent.click(await screen.findByRole('button', { name: 'Set max_temperature' }))
    await screen.findByRole('dialog', { name: 'Set max_temperature' })
    fill(/This machine's value/, '1,500')
    press('Save')
    await screen.findByText(/without separators of thousands/)
    expect(patched).toEqual([])
    fill(/This machine's value/, '90.5')
    press('Save')
    await screen.findByText('max_temperature is set.')
    expect(patched).toEqual([
      { match: '"3"', body: { parameters: { other: 1, max_temperature: 90.5 } } },
    ])
  })

  it('names a new one, and says at its fields what is refused', async () => {
    await show(page(machine({ hot: 1 })))
    fireEvent.click(await screen.findByRole('button', { name: 'New parameter' }))
    await screen.findByRole('dialog', { name: 'New parameter' })
    fill(/Parameter/, 'hot')
    fill(/This machine's value/, '5')
    press('Save')
    await screen.findByText(/^The machine has this parameter already/)
    fill(/Parameter/, 'Warm')
    screen.getByText(/^1 to 64 of a-z/)
    expect(patched).toEqual([])
    fill(/Parameter/, 'warm')
    refusal = problem(422, [{ field: 'parameters', message: 'has 201 parameters' }])
    press('Save')
    await screen.findByText('has 201 parameters')
    const field = screen.getByRole('textbox', { name: /This machine's value/ })
    expect(field.getAttribute('aria-invalid')).toBe('true')
  })

  it('doesn’t undo what others have set meanwhile', async () => {
    await show(page(machine({}, 1)))
    fireEvent.click(await screen.findByRole('button', { name: 'Set max_temperature' }))
    await screen.findByRole('dialog', { name: 'Set max_temperature' })
    fill(/This machine's value/, '95')
    current = machine({ other: 7 }, 2)
    refusal = problem(412)
    press('Save')
    await screen.findByText(/^Somebody has changed it meanwhile/)
    await screen.findByTestId('parameter-other')
    press('Save')
    await waitFor(() => expect(patched).toHaveLength(2))
    expect(patched).toEqual([
      { match: '"1"', body: { parameters: { max_temperature: 95 } } },
      { match: '"2"', body: { parameters: { other: 7, max_temperature: 95 } } },
    ])
  })

  it('asks before it removes one', async () => {
    await show(page(machine({ max_temperature: 90.5, other: 1 }, 4)))
    fireEvent.click(await screen.findByRole('button', { name: 'Remove max_temperature' }))
    const dialog = within(await screen.findByRole('dialog', { name: 'Remove max_temperature?' }))
    dialog.getByText(/watch by their defaults/)
    expect(patched).toEqual([])
    fireEvent.click(dialog.getByRole('button', { name: 'Remove' }))
    await screen.findByText('max_temperature is removed.')
    expect(patched).toEqual([{ match: '"4"', body: { parameters: { other: 1 } } }])
  })

  it('shows only to those who may not change it', async () => {
    permissions = ['rules.read', 'machines.read']
    await show(page(machine({ max_temperature: 1.23456789 })))
    const row = within(await screen.findByTestId('parameter-max_temperature'))
    row.getByText('1.23456789')
    await screen.findByText('signed in')
    expect(screen.queryByRole('button')).toBeNull()
  })

  it('says that there is nothing, or that it can’t be had', async () => {
    rules = []
    const { unmount } = await show(page(machine()))
    await screen.findByText('No rule that you can see leaves a limit to this machine.')
    unmount()
    areRulesBroken = true
    await show(page(machine()))
    await screen.findByText('Something went wrong.')
  })

  it('speaks German', async () => {
    await show(page(machine({ max_temperature: 90.5 })), 'de')
    const row = within(await screen.findByTestId('parameter-max_temperature'))
    row.getByText('90,5')
    row.getByText(/Vorgabe 80/)
  })
})
