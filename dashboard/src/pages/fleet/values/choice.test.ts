import { describe, expect, it } from 'vitest'
import type { Machine, Signal } from '../../../api/types'
import { comparer, keyOf, queryOf, viewOf, withSignals } from '../view'
import { CHOSEN_MAX, chosenOf, problemOf } from './chosen'
import { newestOf, orderBy, valueKey } from './newest'
import { ASKED_MAX, machinesToAsk } from './offered'
import type { MachineValues } from './valuesFollower'

function machine(id: string, more: Partial<Machine> = {}): Machine {
  return {
    id,
    name: id,
    serial_number: id,
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

function had(...signals: Partial<Signal>[]): MachineValues {
  const full = signals.map((each): Signal => ({ signal: 'load', value: null, ...each }))
  return { asked: ['load'], of: new Map(full.map((each) => [each.signal, each])) }
}

describe('a signal’s name', () => {
  it.each([
    ['spindle.load', undefined],
    ['Öl, Temperatur', undefined],
    ['x'.repeat(256), undefined],
    ['', 'empty'],
    ['x'.repeat(257), 'tooLong'],
    ['ä'.repeat(129), 'tooLong'],
    ['a\u0000', 'control'],
    ['a\u009f', 'control'],
  ] as const)('%j', (name, problem) => expect(problemOf(name)).toBe(problem))

  it('counts once, and only so many do', () => {
    expect(chosenOf(['b', 'a', 'b', '', 'A'])).toEqual(['b', 'a', 'A'])
    const many = Array.from({ length: 30 }, (_, at) => `s${at}`)
    expect(chosenOf(many)).toEqual(many.slice(0, CHOSEN_MAX))
  })
})

describe('the choice in the address', () => {
  const view = (url: string) => viewOf(new URLSearchParams(url))

  it('comes back as it was, in its order and with its commas', () => {
    const url = 'alarms=1&signal=oil.temperature&signal=a%2C+b&sort=signal%3Aa%2C+b&order=desc'
    expect(view(url).signals).toEqual(['oil.temperature', 'a, b'])
    expect(queryOf(view(url)).toString()).toBe(url)
  })

  it('sorts by nothing that has no column', () => {
    expect(view('signal=load&sort=signal:speed').sort).toBe('name')
    expect(view('sort=signal:load').sort).toBe('name')
    const sorted = view('signal=load&signal=speed&sort=signal:load&order=desc')
    expect(withSignals(sorted, ['speed'])).toEqual({
      signals: ['speed'],
      sort: 'name',
      descending: false,
    })
    expect(withSignals(sorted, ['load'])).toEqual({ signals: ['load'] })
    expect(withSignals(view('sort=contact&signal=load'), [])).toEqual({ signals: [] })
  })

  it('takes a signal that is called as a column for a signal', () => {
    const sorted = view('signal=name&sort=signal:name')
    expect(sorted.sort).toBe('signal:name')
    expect(queryOf(sorted).get('sort')).toBe('signal:name')
  })
})

describe('the newest value', () => {
  it('is there, or it is said why not', () => {
    const value = { signal: 'load', value: 7 }
    expect(newestOf(machine('a'), had(value), 'load')).toEqual(value)
    expect(newestOf(machine('a'), had(), 'load')).toBe('none')
    expect(newestOf(machine('a'), undefined, 'load')).toBe('waiting')
    expect(newestOf(machine('a'), had(value), 'speed')).toBe('waiting')
    expect(newestOf(machine('a', { state: 'decommissioned' }), undefined, 'load')).toBe('outOfUse')
  })

  it('is sorted as a number or a text; nothing has no place', () => {
    const keys = [7, true, false, 'idle', null].map((value) => valueKey({ signal: 'x', value }))
    expect(keys).toEqual([7, 1, 0, 'idle', undefined])
    for (const no of ['none', 'waiting', 'outOfUse'] as const) expect(valueKey(no)).toBeUndefined()
    expect(keyOf(machine('a'), 'signal:load', '', had({ value: -2.5 }))).toBe(-2.5)
    expect(keyOf(machine('a'), 'signal:load', '', undefined)).toBeUndefined()
    expect(keyOf(machine('a'), 'name', '', had({ value: 1 }))).toBe('a')
  })

  it('numbers come before texts, whatever the texts are', () => {
    const mixed = ['x', 5, '-3', -5, 10]
    expect(mixed.sort(comparer('en'))).toEqual([-5, 5, 10, '-3', 'x'])
  })
})

describe('how far an order can be trusted', () => {
  const machines = ['a', 'b', 'c', 'd'].map((id) => machine(id))

  it('says for how many machines it waits, and in which units values are', () => {
    const values = new Map([
      ['a', had({ value: 5, unit: 'bar' })],
      ['b', had({ value: 500, unit: 'kPa' })],
      ['c', had()],
    ])
    const gone = machine('e', { state: 'decommissioned' })
    expect(orderBy('load', [...machines, gone], values)).toEqual({
      waiting: 1,
      units: ['bar', 'kPa'],
    })
  })

  it('asks no unit of texts', () => {
    const values = new Map(machines.map(({ id }) => [id, had({ value: 'idle' })] as const))
    expect(orderBy('load', machines, values)).toEqual({ waiting: 0, units: [] })
  })
})

describe('whose signals are offered', () => {
  it('one machine a model, a connected one if there is any', () => {
    const off = { connection: { connected: false } }
    const machines = [
      machine('a', { model: 'M', ...off }),
      machine('b', { model: 'M' }),
      machine('c', { model: 'N', ...off }),
      machine('d'),
      machine('e'),
      machine('f', { model: 'O', state: 'decommissioned' }),
    ]
    expect(machinesToAsk(machines)).toEqual(['b', 'd', 'e', 'c'])
  })

  it('no more than can be asked', () => {
    const many = Array.from({ length: 50 }, (_, at) => machine(`m${at}`, { model: `M${at}` }))
    expect(machinesToAsk(many)).toHaveLength(ASKED_MAX)
    expect(machinesToAsk([])).toEqual([])
  })
})
