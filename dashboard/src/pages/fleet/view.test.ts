import { describe, expect, it } from 'vitest'
import { machineOf, withMachine } from '../../api/fleet'
import type { DomainEvent, Machine } from '../../api/types'
import { comparer, isNarrowed, isShown, queryOf, sortKey, viewOf } from './view'

function machine(change: Partial<Machine> = {}): Machine {
  return {
    id: 'a',
    name: 'Mill 1',
    serial_number: 'S1',
    organization_id: 'o',
    external_ids: {},
    criticality: 'normal',
    state: 'commissioned',
    version: 1,
    created_at: '2026-11-25T12:00:00Z',
    updated_at: '2026-11-25T12:00:00Z',
    connection: { connected: true, last_seen_at: '2026-11-25T12:00:00Z' },
    ...change,
  }
}

const view = (url: string) => viewOf(new URLSearchParams(url))

describe('the view in the URL', () => {
  it('comes back as it was, and leaves out what is as at first', () => {
    const url = 'q=mill&state=registered&connection=offline&alarms=1&site=s&sort=contact&order=desc'
    expect(queryOf(view(url)).toString()).toBe(url)
    expect(queryOf(view('')).toString()).toBe('')
  })

  it('takes nonsense for nothing', () => {
    expect(view('state=x&connection=y&sort=z&alarms=2')).toEqual(view(''))
  })

  it('knows whether it leaves anything out', () => {
    expect(isNarrowed(view('sort=contact'))).toBe(false)
    expect(isNarrowed(view('alarms=1'))).toBe(true)
  })
})

describe('isShown', () => {
  const off = machine({ connection: { connected: false } })
  const ill = machine({ alarms: { active: 2, unacknowledged: 1, worst: 'major' } })

  it('filters by connection and by alarms', () => {
    expect([machine(), off].filter((m) => isShown(m, view('connection=offline')))).toEqual([off])
    expect([machine(), ill].filter((m) => isShown(m, view('alarms=1')))).toEqual([ill])
  })
})

describe('the order', () => {
  it('is people’s for names', () => {
    const names = ['mill 10', 'Mill 2', 'Änger', 'Zug', 'Anger']
    expect(names.sort(comparer('de'))).toEqual(['Anger', 'Änger', 'Mill 2', 'mill 10', 'Zug'])
  })

  it('has the worst alarm before the most', () => {
    const key = (active: number, worst: 'critical' | 'warning' | null) =>
      Number(sortKey(machine({ alarms: { active, unacknowledged: 0, worst } }), 'alarms', ''))
    expect(key(1, 'critical')).toBeGreaterThan(key(99, 'warning'))
    expect(key(2, 'warning')).toBeGreaterThan(key(1, 'warning'))
    expect(key(1, null)).toBeGreaterThan(key(0, null))
    expect(sortKey(machine(), 'alarms', '')).toBe(0)
  })
})

describe('a machine that has changed', () => {
  const pages = [{ items: [machine(), machine({ id: 'b' })] }, { items: [machine({ id: 'c' })] }]
  const fleet = { pages, pageParams: [undefined, 'x'] }

  it('takes its row, and only its page is new', () => {
    const after = withMachine(fleet, machine({ id: 'b', name: 'Mill 9' }))
    expect(after.pages[0]?.items.map(({ name }) => name)).toEqual(['Mill 1', 'Mill 9'])
    expect(after.pages[1]).toBe(fleet.pages[1])
  })

  it('without a row changes nothing', () => {
    expect(withMachine(fleet, machine({ id: 'z' }))).toBe(fleet)
  })

  it('is told by its own events and by its alarms', () => {
    const event = (kind: string, data = {}) =>
      ({ type: 'x.y', subject: { kind, id: 's' }, data }) as DomainEvent
    expect(machineOf(event('machine'))).toBe('s')
    expect(machineOf(event('alarm', { machine_id: 'm' }))).toBe('m')
    expect(machineOf(event('alarm'))).toBeUndefined()
    expect(machineOf(event('ticket', { machine_id: 'm' }))).toBeUndefined()
  })
})
