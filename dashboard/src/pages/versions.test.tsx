// @vitest-environment jsdom
/** What is edited is saved against the version that was opened, whatever came in between. */
import { fireEvent, screen, waitFor } from '@testing-library/react'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { signIn } from '../api/session'
import type { Machine, Rule, Ticket } from '../api/types'
import { atAddress, show } from '../testing/show'
import { RenameDialog } from './machine/dialogs/RenameDialog'
import { RuleEditorPage } from './rules/RuleEditorPage'
import { EditDialog } from './ticket/EditDialog'
import { MoveDialog } from './ticket/MoveDialog'

const ID = '01a21295-12ad-769f-a190-9dfb85f46d9f'

const ticket = (version: number, title = 'Spindle hot') =>
  ({
    id: ID,
    organization_id: ID,
    number: 'T-7',
    title,
    description: '',
    priority: 'P2',
    state: 'in_progress',
    version,
  }) as Partial<Ticket> as Ticket
const machine = (version: number) =>
  ({ id: ID, name: 'Mill 1', version }) as Partial<Machine> as Machine
const rule = (version: number) =>
  ({
    id: ID,
    organization_id: ID,
    name: 'Too hot',
    machine_id: ID,
    condition: { kind: 'threshold', signal: 'temperature', above: 80, hold_s: 1, clear_hold_s: 1 },
    severity: 'major',
    enabled: true,
    version,
    created_at: '2026-11-25T12:00:00Z',
    updated_at: '2026-11-25T12:00:00Z',
  }) satisfies Rule

/** The version that the platform has now. */
let current: number
/** What was sent to change something: If-Match and body. */
let sent: { match: string | null; body: unknown }[]

async function platform(input: Request | string): Promise<Response> {
  const request = new Request(input)
  const { pathname } = new URL(request.url)
  if (pathname.endsWith('/auth/login')) {
    return Response.json({ access_token: 'a', expires_in: 900 })
  }
  if (pathname.endsWith('/auth/me')) {
    return Response.json({ id: ID, name: 'Ada', permissions: ['rules.write'] })
  }
  if (request.method === 'GET') {
    if (pathname === `/api/v1/rules/${ID}`) return Response.json(rule(current))
    if (pathname === `/api/v1/machines/${ID}`) return Response.json(machine(current))
    return Response.json({ items: [], series: [] })
  }
  const match = request.headers.get('if-match')
  sent.push({ match, body: await request.json() })
  if (match === `"${current}"`) {
    current += 1
    const saved = { tickets: ticket, machines: machine, rules: rule }[pathname.split('/')[3] ?? '']
    return Response.json(saved?.(current))
  }
  const detail = `changed meanwhile: it is now at version ${current}`
  return Response.json({ title: 'Changed meanwhile', status: 412, detail }, { status: 412 })
}

beforeEach(async () => {
  sent = []
  current = 4
  vi.stubGlobal('fetch', platform)
  await signIn('a@b.example', 'secret')
})

const fill = (name: RegExp, value: string) =>
  fireEvent.change(screen.getByRole('textbox', { name }), { target: { value } })
const press = (name: string) => fireEvent.click(screen.getByRole('button', { name }))
const versions = () => sent.map(({ match }) => match)
const CHANGED = /Somebody has changed it meanwhile/

describe('a change in between', () => {
  it('of a ticket is told, and what was typed may be saved over it then', async () => {
    const close = vi.fn()
    const dialog = (of: Ticket) => <EditDialog ticket={of} opened onClose={close} />
    const { again } = await show(dialog(ticket(3)))
    fill(/Title/, 'Spindle and bearing hot')
    // Somebody else's change arrives while the dialog is open.
    again(dialog(ticket(4, 'Coolant')))
    press('Save')
    await screen.findByText(CHANGED)
    expect(versions()).toEqual(['"3"'])
    expect(close).not.toHaveBeenCalled()
    expect(screen.getByRole<HTMLInputElement>('textbox', { name: /Title/ }).value).toBe(
      'Spindle and bearing hot',
    )
    press('Save')
    await waitFor(() => expect(close).toHaveBeenCalledOnce())
    expect(sent[1]).toEqual({ match: '"4"', body: { title: 'Spindle and bearing hot' } })
  })

  it('of a ticket’s state ends the move that was meant for the old one', async () => {
    const close = vi.fn()
    const dialog = (of: Ticket) => <MoveDialog ticket={of} to="resolved" onClose={close} />
    const { again } = await show(dialog(ticket(3)))
    again(dialog(ticket(4)))
    fireEvent.submit(screen.getByRole('combobox').closest('form') as HTMLFormElement)
    await screen.findByText(CHANGED)
    expect(versions()).toEqual(['"3"'])
    expect(close).toHaveBeenCalledOnce()
  })

  it('of a machine is told, and its name may be saved over it then', async () => {
    const close = vi.fn()
    const dialog = (of: Machine) => <RenameDialog machine={of} opened onClose={close} />
    const { again } = await show(dialog(machine(3)))
    fill(/Name/, 'Mill one')
    again(dialog(machine(4)))
    press('Save')
    await screen.findByText(CHANGED)
    expect(close).not.toHaveBeenCalled()
    press('Save')
    await waitFor(() => expect(close).toHaveBeenCalledOnce())
    expect(versions()).toEqual(['"3"', '"4"'])
  })

  it('of a rule is told, nothing is overwritten, and the newest version is a click away', async () => {
    current = 3
    await show(atAddress(<RuleEditorPage />, `/rules/${ID}`, '/rules/:id'))
    await screen.findByRole('button', { name: 'Save' })
    fill(/Limit/, '90')
    current = 4
    press('Save')
    await screen.findByText(/Not saved: somebody has changed this rule meanwhile/)
    fireEvent.click(await screen.findByRole('button', { name: 'Show the newest version' }))
    expect(screen.getByRole<HTMLInputElement>('textbox', { name: /Limit/ }).value).toBe('80')
    fill(/Limit/, '91')
    press('Save')
    await waitFor(() => expect(versions()).toEqual(['"3"', '"4"']))
    expect(sent[1]?.body).toMatchObject({ condition: { above: 91 } })
  })
})

it('a rule whose numbers can’t be read isn’t sent', async () => {
  current = 3
  await show(atAddress(<RuleEditorPage />, `/rules/${ID}`, '/rules/:id'), 'de')
  await screen.findByRole('button', { name: 'Speichern' })
  fill(/Grenze/, '1.000,5')
  press('Speichern')
  await screen.findByText(/„1\.000,5“/)
  expect(sent).toEqual([])
  fill(/Grenze/, '1e5')
  press('Speichern')
  await waitFor(() => expect(sent[0]?.body).toMatchObject({ condition: { above: 100_000 } }))
})
