// @vitest-environment jsdom
/** On which machine of its model a rule is tried, however many other machines there are. */
import { fireEvent, screen, waitFor } from '@testing-library/react'
import { beforeEach, expect, it, vi } from 'vitest'
import { signIn } from '../../api/session'
import type { BacktestInput, Machine, Rule } from '../../api/types'
import { atAddress, show } from '../../testing/show'
import { RuleEditorPage } from './RuleEditorPage'

const ID = '01a21295-12ad-769f-a190-9dfb85f46d9f'
const AT = '2026-11-28T12:00:00Z'

const machine = (id: string, model: string, state: Machine['state'] = 'commissioned'): Machine => ({
  ...{ id, name: `Machine ${id}`, serial_number: id, organization_id: ID, external_ids: {}, model },
  criticality: 'normal',
  state,
  ...{ version: 1, created_at: AT, updated_at: AT, connection: { connected: true } },
})
const MACHINES = [
  machine('1', 'mill', 'decommissioned'),
  machine('2', 'mill'),
  machine('3', 'mill'),
  machine('9', 'press'),
]
const RULE: Rule = {
  ...{ id: ID, organization_id: ID, name: 'Too hot', model: 'mill', enabled: true, version: 3 },
  ...{ created_at: AT, updated_at: AT },
  severity: 'major',
  condition: { kind: 'threshold', signal: 't', above: 80 },
}

/** The machines on which it was tried, one after the other. */
let tried: unknown[]
/** The models whose machines were asked for. */
let asked: (string | null)[]

/** Without a model only machines are told that have nothing to do with the rule: its page is full. */
async function platform(input: Request | string): Promise<Response> {
  const request = new Request(input)
  const { pathname, searchParams } = new URL(request.url)
  const path = pathname.replace('/api/v1', '')
  if (path === '/auth/login') return Response.json({ access_token: 'a', expires_in: 900 })
  if (path === '/auth/me') {
    const permissions = ['rules.read', 'rules.write', 'telemetry.read']
    return Response.json({ id: ID, name: 'Ada', permissions })
  }
  if (path === `/rules/${ID}`) return Response.json(RULE)
  if (path === '/rules/backtest') {
    const body = (await request.json()) as BacktestInput
    tried.push(body.backtest?.machine_ids)
    return Response.json({ id: ID, state: 'canceled', progress: 0 }, { status: 202 })
  }
  if (path === '/machines') {
    const model = searchParams.get('model')
    asked.push(model)
    const items = MACHINES.filter((each) => each.model === (model ?? 'press'))
    return Response.json({ items, next_cursor: model ? null : 'more' })
  }
  const found = MACHINES.find(({ id }) => path === `/machines/${id}`)
  return Response.json(found ?? { items: [], series: [] })
}

beforeEach(async () => {
  ;[tried, asked] = [[], []]
  // jsdom has none.
  Element.prototype.scrollIntoView = () => undefined
  vi.stubGlobal('fetch', platform)
  await signIn('a@b.example', 'secret')
})

const page = () => atAddress(<RuleEditorPage />, `/rules/${ID}`, '/rules/:id')
const box = (name: RegExp) => screen.findByRole<HTMLInputElement>('combobox', { name })
const enter = (into: HTMLInputElement, value: string) =>
  fireEvent.change(into, { target: { value } })
const last = (expected: unknown) => waitFor(() => expect(tried.at(-1)).toEqual(expected))

it('is the first of the model that is in use, also when others fill the first page', async () => {
  await show(page())
  await last(['2'])
  expect(asked).toContain('mill')
  const on = await box(/^Tried on/)
  await waitFor(() => expect(on.value).toBe('Machine 2 (2)'))
})

it('is the one that was chosen, until another model is entered', async () => {
  await show(page())
  await last(['2'])
  const on = await box(/^Tried on/)
  await waitFor(() => expect(on.value).toBe('Machine 2 (2)'))
  enter(on, 'Machine 3 (3)')
  await last(['3'])
  enter(await box(/^Model/), 'press')
  await last(['9'])
  expect(tried).toEqual([['2'], ['3'], ['9']])
})

it('is none while no machine is of the model', async () => {
  await show(page())
  await last(['2'])
  enter(await box(/^Model/), 'lathe')
  await screen.findByText(/^Choose a machine or a model/)
  await waitFor(() => expect(asked).toContain('lathe'))
  expect(screen.queryByRole('combobox', { name: /^Tried on/ })).toBeNull()
  expect(tried).toEqual([['2']])
})
