// @vitest-environment jsdom
/** Storage of the whole platform and of a machine, in all states. */
import { fireEvent, screen, waitFor, within } from '@testing-library/react'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { signIn } from '../../api/session'
import type {
  Machine,
  MachineStorage,
  SignalStorage,
  StorageGrowth,
  StorageStatus,
  StorageTask,
} from '../../api/types'
import { atAddress, show } from '../../testing/show'
import { narrowed, ROWS_MAX, shareOf, totalsOf } from '../machine/storage'
import { StorageTab } from '../machine/StorageTab'
import { StoragePage } from './StoragePage'
import { rowsOf, stateOf } from './tasks'

const ID = '01a21295-12ad-769f-a190-9dfb85f46d9f'
const AT = '2026-11-28T12:00:00Z'
const NOW = Date.parse(AT)
const machine = { id: ID, name: 'Mill 1', version: 1 } as Partial<Machine> as Machine

const task = (more: Partial<StorageTask>): StorageTask => ({
  task: 'rollups',
  ran_at: AT,
  succeeded_at: AT,
  due_at: '2026-11-28T12:15:00Z',
  done: 3,
  ...more,
})
const status = (more: Partial<StorageStatus> = {}): StorageStatus => ({
  database: 'sqlite',
  bytes: 5 * 1024 ** 2,
  bytes_per_point: 30,
  tasks: [],
  waiting: { signals: 0, hours: 0 },
  ...more,
})
const signal = (name: string, bytes: number): SignalStorage => ({
  signal: name,
  points: bytes / 30,
  rollups: 2,
  bytes,
  oldest: AT,
  newest: AT,
})

/** What the platform answers with, by path. */
let answers: Record<string, () => Response>
let permissions: string[]
let asked: string[]

async function platform(input: Request | string): Promise<Response> {
  const { pathname } = new URL(new Request(input).url)
  if (pathname.endsWith('/auth/login')) {
    return Response.json({ access_token: 'a', expires_in: 900 })
  }
  if (pathname.endsWith('/auth/me')) return Response.json({ id: ID, name: 'Ada', permissions })
  asked.push(pathname)
  return answers[pathname]?.() ?? Response.json({ items: [] })
}

const broken = () => Response.json({ title: 'Broken', status: 500 }, { status: 500 })
const say = (path: string, body: StorageStatus | StorageGrowth | MachineStorage) => {
  answers[`/api/v1${path}`] = () => Response.json(body)
}

beforeEach(async () => {
  answers = {}
  say('/storage/machines', { from: AT, to: AT, items: [] })
  asked = []
  permissions = ['policies.write', 'telemetry.read', 'machines.read']
  vi.stubGlobal('fetch', platform)
  await signIn('a@b.example', 'secret')
})

describe('how a task goes', () => {
  it.each([
    ['never', undefined],
    ['well', task({})],
    ['well', task({ due_at: undefined })],
    ['overdue', task({ due_at: '2026-11-28T11:59:59Z' })],
    ['failing', task({ error: 'disk full' })],
    ['failing', task({ error: '', due_at: '2026-11-28T11:59:59Z' })],
    ['well', task({ failure: 'disk full', failed_at: '2026-11-28T11:00:00Z' })],
  ] as const)('%s', (state, of) => expect(stateOf(of, NOW)).toBe(state))

  it('is shown for what should run and for what the platform adds', () => {
    const names = (of: StorageStatus) => rowsOf(of).map(({ name }) => name)
    const tasks = [task({ task: 'retention' }), task({ task: 'tidying' })]
    expect(names(status({ tasks }))).toEqual(['rollups', 'retention', 'compression', 'tidying'])
    const all = ['rollups', 'retention', 'compression', 'refresh']
    expect(names(status({ database: 'timescaledb' }))).toEqual(all)
    expect(rowsOf(status({ tasks }))[0]?.task).toBeUndefined()
    expect(rowsOf(status({ tasks }))[1]?.task?.task).toBe('retention')
  })
})

describe('a machine’s signals', () => {
  it('are summed, shared and narrowed', () => {
    const signals = [signal('Spindle.load', 300), signal('door', 60)]
    expect(totalsOf({ bytes: 360, signals })).toEqual({ points: 12, rollups: 4 })
    expect(shareOf(90, 360)).toBe(0.25)
    expect(shareOf(0, 0)).toBe(0)
    expect(narrowed(signals, ' spindle ')).toEqual({ rows: [signals[0]], left: 0 })
    const many = Array.from({ length: ROWS_MAX + 7 }, (_, place) => signal(`s${place}`, 30))
    expect(narrowed(many, '').left).toBe(7)
    expect(narrowed(many, '').rows).toHaveLength(ROWS_MAX)
  })
})

describe('the page of the whole database', () => {
  it('says how large it is, what waits, and what fails with which words', async () => {
    const failed = { error: 'no space left', failure: 'no space left', failed_at: AT }
    say(
      '/storage',
      status({
        waiting: { signals: 1_200, hours: 1, oldest: AT },
        tasks: [task({ ...failed, succeeded_at: null, due_at: null })],
      }),
    )
    await show(atAddress(<StoragePage />))
    await screen.findByText('SQLite')
    screen.getByText('5 MiB')
    screen.getByText('30 B')
    screen.getByText(/^1,200 signals with new values; 1 hour in which something came late; the/)
    const rollups = within(screen.getByTestId('task-rollups'))
    rollups.getByText('Fails')
    rollups.getByText('no space left')
    rollups.getByText('never')
    within(screen.getByTestId('task-retention')).getByText("Hasn't run yet")
    expect(screen.queryByTestId('task-refresh')).toBeNull()
  })

  it('keeps the last failure after it went well again', async () => {
    const now = new Date().toISOString()
    const due = new Date(Date.now() + 900_000).toISOString()
    const old = { failure: 'no space left', failed_at: AT }
    say('/storage', status({ tasks: [task({ ...old, succeeded_at: now, due_at: due })] }))
    await show(atAddress(<StoragePage />))
    const rollups = within(await screen.findByTestId('task-rollups'))
    rollups.getByText('Goes well')
    rollups.getByText('no space left')
    rollups.getByText('3 signals rolled up')
    screen.getByText('Nothing: the values by minute and hour are up to date.')
  })

  it('speaks German, and says what TimescaleDB doesn’t count', async () => {
    say('/storage', status({ database: 'timescaledb', waiting: null }))
    await show(atAddress(<StoragePage />), 'de')
    await screen.findByText('PostgreSQL mit TimescaleDB')
    screen.getByText(/^TimescaleDB zählt das nicht/)
    within(screen.getByTestId('task-compression')).getByText('Noch nie gelaufen')
  })

  it('leads to the machines that grow fastest', async () => {
    say('/storage', status())
    const items = [
      { machine_id: ID, machine_name: 'Mill 1', values: 86_400, bytes: 2_592_000 },
      { machine_id: 'without-name', values: 1, bytes: 30 },
    ]
    say('/storage/machines', { from: AT, to: AT, items })
    await show(atAddress(<StoragePage />))
    const mill = await screen.findByRole('link', { name: 'Mill 1' })
    expect(mill.getAttribute('href')).toBe(`/machines/${ID}/storage`)
    screen.getByText('86,400')
    screen.getByRole('link', { name: 'without-name' })
  })

  it('says when nothing grows, or when that can’t be had', async () => {
    say('/storage', status())
    say('/storage/machines', { from: AT, to: AT, items: [] })
    const { unmount } = await show(atAddress(<StoragePage />))
    await screen.findByText(/^Nothing was stored in the last 24 hours/)
    unmount()
    answers['/api/v1/storage/machines'] = broken
    await show(atAddress(<StoragePage />))
    await screen.findByText('Something went wrong.')
    await screen.findByText('5 MiB')
  })

  it('isn’t for everyone', async () => {
    permissions = ['telemetry.read', 'machines.read']
    await show(atAddress(<StoragePage />))
    await screen.findByText('You may not see this.')
    expect(asked).not.toContain('/api/v1/storage')
  })

  it('says when it can’t be had, and tries again', async () => {
    answers['/api/v1/storage'] = broken
    await show(atAddress(<StoragePage />))
    await screen.findByText('Something went wrong.')
    say('/storage', status())
    fireEvent.click(screen.getByRole('button', { name: 'Try again' }))
    await screen.findByText('5 MiB')
  })
})

describe('a machine’s storage', () => {
  const path = `/machines/${ID}/storage`

  it('is shown by signal in the platform’s order, with the total', async () => {
    const signals = [signal('spindle.load', 3_072), signal('door', 1_024)]
    say(path, { bytes: 4_096, signals })
    await show(atAddress(<StorageTab machine={machine} />))
    const load = within(await screen.findByTestId('storage-spindle.load'))
    load.getByText('3 KiB')
    load.getByText('75%')
    screen.getByText('4 KiB')
    const names = screen.getAllByRole('rowheader').map(({ textContent }) => textContent)
    expect(names).toEqual(['spindle.load', 'door'])
    fireEvent.change(screen.getByRole('textbox', { name: 'Filter by name' }), {
      target: { value: 'DOOR' },
    })
    expect(screen.queryByTestId('storage-spindle.load')).toBeNull()
    fireEvent.change(screen.getByRole('textbox', { name: 'Filter by name' }), {
      target: { value: 'nothing' },
    })
    screen.getByText('No signal has this name.')
    screen.getByRole('link', { name: 'The whole database' })
  })

  it('is counted again when asked for', async () => {
    say(path, { bytes: 1_024, signals: [signal('door', 1_024)] })
    await show(atAddress(<StorageTab machine={machine} />))
    await screen.findByTestId('storage-door')
    say(path, { bytes: 2_048, signals: [signal('door', 2_048)] })
    fireEvent.click(screen.getByRole('button', { name: 'Count again' }))
    await waitFor(() => within(screen.getByTestId('storage-door')).getByText('2 KiB'))
  })

  it('says that there is nothing, or that it can’t be had', async () => {
    say(path, { bytes: 0, signals: [] })
    permissions = ['telemetry.read', 'machines.read']
    const { unmount } = await show(atAddress(<StorageTab machine={machine} />))
    await screen.findByText("The machine hasn't sent any values yet.")
    expect(screen.queryByRole('link', { name: 'The whole database' })).toBeNull()
    unmount()
    answers[`/api/v1${path}`] = broken
    await show(atAddress(<StorageTab machine={machine} />))
    await screen.findByText('Something went wrong.')
    screen.getByRole('button', { name: 'Try again' })
  })
})
