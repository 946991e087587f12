// @vitest-environment jsdom
/** The list of machines with newest values as columns, in all states. */
import { act, fireEvent, screen, waitFor, within } from '@testing-library/react'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { signIn } from '../../api/session'
import type { Machine, MachineLatest, Signal } from '../../api/types'
import { atAddress, show } from '../../testing/show'
import { FleetPage } from './FleetPage'

const ME = '01a21295-12ad-769f-a190-9dfb85f46d9f'
const KEY = `millwright.fleet.signals.${ME}`

function machine(id: string, more: Partial<Machine> = {}): Machine {
  return {
    id,
    name: `Mill ${id}`,
    serial_number: `S-${id}`,
    organization_id: 'o',
    external_ids: {},
    criticality: 'normal',
    state: 'commissioned',
    version: 1,
    created_at: '2026-11-25T12:00:00Z',
    updated_at: '2026-11-25T12:00:00Z',
    connection: { connected: true },
    ...more,
  }
}

const ago = (ms: number) => new Date(Date.now() - ms).toISOString()
function load(value: unknown, more: Partial<Signal> = {}): Signal {
  return { signal: 'load', value, unit: '%', ts: ago(1_000), quality: 'good', ...more }
}
function latest(machine_id: string, ...signals: Signal[]): MachineLatest {
  return { machine_id, signals }
}

let machines: Machine[]
let permissions: string[]
/** What the platform answers with, by path. */
let answers: Record<string, (query: URLSearchParams) => Response>
/** With what values were asked for. */
let asked: URLSearchParams[]

async function platform(input: Request | string): Promise<Response> {
  const { pathname, searchParams } = new URL(new Request(input).url)
  if (pathname.endsWith('/auth/login')) {
    return Response.json({ access_token: 'a', expires_in: 900 })
  }
  if (pathname.endsWith('/auth/me')) return Response.json({ id: ME, name: 'Ada', permissions })
  if (pathname.endsWith('/machines')) return Response.json({ items: machines })
  if (pathname.endsWith('/telemetry/latest')) asked.push(searchParams)
  return answers[pathname]?.(searchParams) ?? Response.json({ items: [] })
}

const say = (...items: MachineLatest[]) => {
  answers['/api/v1/telemetry/latest'] = () => Response.json({ items })
}
const open = (query = '') => show(atAddress(<FleetPage />, `/fleet${query}`))
const row = async (name: string) => {
  const link = await screen.findByRole('link', { name })
  return within(link.closest('[role=row]') as HTMLElement)
}
const headers = () => screen.getAllByRole('columnheader').map(({ textContent }) => textContent)
const names = () =>
  screen
    .getAllByRole('row')
    .slice(1)
    .map((each) => within(each).getByRole('link').textContent)

beforeEach(async () => {
  localStorage.clear()
  machines = [machine('1'), machine('2'), machine('3')]
  permissions = ['telemetry.read', 'machines.read']
  answers = {}
  asked = []
  say()
  vi.stubGlobal('fetch', platform)
  // Without a layout nothing would be in sight.
  vi.spyOn(Element.prototype, 'clientHeight', 'get').mockReturnValue(600)
  vi.spyOn(Element.prototype, 'clientWidth', 'get').mockReturnValue(1_200)
  await signIn('a@b.example', 'secret')
})
afterEach(() => {
  vi.restoreAllMocks()
  vi.unstubAllGlobals()
})

describe('newest values as columns', () => {
  it('stand beside the name, with unit, age, and what they are worth', async () => {
    say(
      latest('1', load(71.5)),
      latest('2', load(3, { quality: 'bad', ts: ago(3_700_000) })),
      latest('3'),
    )
    await open('?signal=load')
    const one = await row('Mill 1')
    await one.findByText('71.5 %')
    expect(one.queryByText('old')).toBeNull()
    const two = await row('Mill 2')
    two.getByText('Bad')
    two.getByText('1 hour ago')
    two.getByText('old')
    ;(await row('Mill 3')).getByText('no such signal')
    expect(headers().slice(0, 3)).toEqual(['Name', 'load', 'Model'])
    expect(asked[0]?.getAll('signal')).toEqual(['load'])
    expect(asked[0]?.getAll('machine_id')).toEqual(['1', '2', '3'])
    expect(asked[0]?.get('limit')).toBe('500')
  })

  it('are asked for of nobody without a choice', async () => {
    await open()
    await row('Mill 1')
    await screen.findByRole('button', { name: 'Values as columns' })
    expect(headers()[1]).toBe('Model')
    expect(asked).toEqual([])
  })

  it('say that they aren’t there yet, and that machines out of use have none', async () => {
    machines = [machine('1'), machine('2', { state: 'decommissioned' })]
    answers['/api/v1/telemetry/latest'] = () =>
      Response.json({ title: 'Busy', status: 503 }, { status: 503 })
    await open('?signal=load')
    await (await row('Mill 1')).findByText('not loaded yet')
    const two = await row('Mill 2')
    two.getByText('out of use')
    expect(two.queryByText('no such signal')).toBeNull()
    expect(asked[0]?.getAll('machine_id')).toEqual(['1'])
    await screen.findByText("The newest values couldn't be loaded.")
    say(latest('1', load(5)))
    fireEvent.click(screen.getByRole('button', { name: 'Try again' }))
    await (await row('Mill 1')).findByText('5 %')
    await waitFor(() => expect(screen.queryByRole('alert')).toBeNull())
  })

  it('sort the list, what is missing last, and it says when units differ', async () => {
    say(latest('1', load(5)), latest('2', load(null)), latest('3', load(40, { unit: 'kW' })))
    await open('?signal=load&sort=signal:load')
    await screen.findByText(/^The values are in different units \(%, kW\)/)
    expect(names()).toEqual(['Mill 1', 'Mill 3', 'Mill 2'])
    const header = screen.getByRole('columnheader', { name: 'load' })
    expect(header.getAttribute('aria-sort')).toBe('ascending')
    fireEvent.click(within(header).getByRole('button'))
    await waitFor(() => expect(names()).toEqual(['Mill 3', 'Mill 1', 'Mill 2']))
  })

  it('say how many machines an order waits for', async () => {
    say(latest('1', load(5)))
    await open('?signal=load&sort=signal:load')
    await screen.findByText('2 machines are still missing.')
    // A number that changes with every answer isn't read out.
    expect(screen.getByTestId('order').textContent).toBe('Sorted as far as values are loaded.')
  })

  it('say once that their order is whole', async () => {
    say(latest('1', load(5)), latest('2', load(4)), latest('3', load(3)))
    await open('?signal=load&sort=signal:load')
    await (await row('Mill 1')).findByText('5 %')
    await waitFor(() => expect(screen.getByTestId('order').textContent).toBe(''))
    expect(screen.queryByText(/still missing/)).toBeNull()
  })

  it('aren’t for everyone', async () => {
    permissions = ['machines.read']
    localStorage.setItem(KEY, JSON.stringify(['speed']))
    const { unmount } = await open('?signal=load&sort=signal:load')
    await screen.findByText('You may not see the values of machines.')
    await row('Mill 1')
    expect(headers()[1]).toBe('Model')
    expect(screen.queryByRole('button', { name: /^Values as columns/ })).toBeNull()
    unmount()
    await open()
    await row('Mill 1')
    expect(screen.queryByRole('alert')).toBeNull()
    expect(asked).toEqual([])
  })
})

describe('the choice', () => {
  const input = async () => {
    fireEvent.click(await screen.findByRole('button', { name: /^Values as columns/ }))
    const field = await within(await screen.findByRole('dialog')).findByRole('combobox')
    // What comes without the focus counts as the browser's own filling in.
    act(() => field.focus())
    return field
  }
  const type = (field: HTMLElement, text: string) => {
    fireEvent.change(field, { target: { value: text } })
    fireEvent.keyDown(field, { key: 'Enter', code: 'Enter' })
  }

  it('is offered from what machines measure, and kept for the next visit', async () => {
    answers['/api/v1/machines/1/signals'] = () =>
      Response.json({ items: [load(1), load(1, { signal: 'door, left' })] })
    const { unmount } = await open()
    const field = await input()
    const dialog = within(screen.getByRole('dialog'))
    await dialog.findByText(/^Offered is what 3 of these machines measure;/)
    await waitFor(() => {
      const options = dialog.getAllByRole('option', { hidden: true })
      expect(options.map(({ textContent }) => textContent)).toEqual(['door, left', 'load'])
    })
    type(field, 'door, left')
    await screen.findByRole('columnheader', { name: 'door, left' })
    await screen.findByRole('button', { name: 'Values as columns (1)', hidden: true })
    expect(localStorage.getItem(KEY)).toBe('["door, left"]')
    unmount()
    asked = []
    await open()
    await screen.findByRole('columnheader', { name: 'door, left' })
    await waitFor(() => expect(asked[0]?.getAll('signal')).toEqual(['door, left']))
  })

  it('is offered of the machines that can say it, to their last signal', async () => {
    answers['/api/v1/machines/1/signals'] = () =>
      Response.json({ title: 'Not found', status: 404 }, { status: 404 })
    answers['/api/v1/machines/2/signals'] = (query) =>
      query.get('cursor') === 'more'
        ? Response.json({ items: [load(1, { signal: 'speed' })], next_cursor: null })
        : Response.json({ items: [load(1)], next_cursor: 'more' })
    await open()
    await input()
    const dialog = within(screen.getByRole('dialog'))
    await dialog.findByText(/^Offered is what 2 of these machines measure;/)
    await waitFor(() => {
      const options = dialog.getAllByRole('option', { hidden: true })
      expect(options.map(({ textContent }) => textContent)).toEqual(['load', 'speed'])
    })
  })

  it('is offered nothing where no machine is in use', async () => {
    machines = [machine('1', { state: 'decommissioned' })]
    await open()
    await input()
    const dialog = within(screen.getByRole('dialog'))
    await dialog.findByText(/^No machine that is in use is listed/)
  })

  it('of an address is shown, and isn’t taken for the person’s own', async () => {
    localStorage.setItem(KEY, '["own"]')
    await open('?signal=shared')
    await screen.findByRole('columnheader', { name: 'shared' })
    expect(headers()).not.toContain('own')
    expect(localStorage.getItem(KEY)).toBe('["own"]')
  })

  it('is gone with its last signal', async () => {
    localStorage.setItem(KEY, '["own"]')
    await open()
    await screen.findByRole('columnheader', { name: 'own' })
    fireEvent.keyDown(await input(), { key: 'Backspace', code: 'Backspace' })
    await waitFor(() => expect(headers()[1]).toBe('Model'))
    expect(localStorage.getItem(KEY)).toBeNull()
  })

  it('says what can’t be a signal, and that nothing can be offered', async () => {
    const broken = () => Response.json({ title: 'Broken', status: 500 }, { status: 500 })
    for (const { id } of machines) answers[`/api/v1/machines/${id}/signals`] = broken
    await open()
    const field = await input()
    const dialog = within(screen.getByRole('dialog'))
    await dialog.findByText("Names can't be offered now, only typed: Something went wrong.")
    type(field, 'ä'.repeat(200))
    await dialog.findByText(/ is too long: a signal's name has 256 bytes at most\.$/)
    expect(headers()[1]).toBe('Model')
    type(field, 'speed')
    await screen.findByRole('columnheader', { name: 'speed' })
    expect(dialog.queryByText(/too long/)).toBeNull()
  })
})

it('speaks German', async () => {
  machines = [machine('1')]
  say(latest('1', load(1.5, { ts: ago(120_000), quality: 'uncertain' })))
  await show(atAddress(<FleetPage />, '/fleet?signal=load'), 'de')
  const one = await row('Mill 1')
  await one.findByText('1,5 %')
  one.getByText('veraltet')
  one.getByText('Unsicher')
  screen.getByRole('button', { name: 'Werte als Spalten (1)' })
})
