import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { LiveSample, MachineEvent, Signal, TelemetrySeries } from '../../api/types'
import { ageOf, isOld } from '../../format/age'
import { daysLeft, worthOf } from './clock'
import { CHOSEN_MAX, chosenOf } from './live/chosen'
import { LiveStore, POINTS_MAX } from './live/liveStore'
import { isCoarse, mergeSeries } from './live/merge'
import { endOf, pointsFor, refreshMs } from './live/span'
import { eventKey, subjectOf } from './timeline'

function signal(name: string, kind: Signal['kind']): Signal {
  return { signal: name, kind, value: null }
}

function sample(name: string, at: number, value: unknown = at): LiveSample {
  const ts = new Date(at).toISOString()
  return { signal: name, ts, received_at: ts, value, quality: 'good', machine_id: 'm' }
}

describe('LiveStore', () => {
  beforeEach(() => void vi.useFakeTimers())
  afterEach(() => void vi.useRealTimers())

  it('tells its readers together, not at each sample', () => {
    const store = new LiveStore()
    const heard = vi.fn()
    store.subscribe(heard)
    store.keep(['a'])
    for (let at = 1; at <= 100; at += 1) store.add(sample('a', at))
    expect(heard).not.toHaveBeenCalled()
    vi.advanceTimersByTime(600)
    expect(heard).toHaveBeenCalledTimes(1)
    expect(store.snapshot().points.get('a')).toHaveLength(100)
  })

  it('keeps the newest of all signals, but points only of the chosen', () => {
    const store = new LiveStore()
    store.keep(['a'])
    store.add(sample('a', 1))
    store.add(sample('b', 1))
    store.add(sample('b', 1_001))
    vi.advanceTimersByTime(600)
    expect([...store.snapshot().points.keys()]).toEqual(['a'])
    expect(store.snapshot().newest.get('b')).toMatchObject({ distance: 1_000 })
  })

  it('ignores what comes late or twice', () => {
    const store = new LiveStore()
    store.keep(['a'])
    for (const at of [5, 5, 3, 6]) store.add(sample('a', at))
    vi.advanceTimersByTime(600)
    expect(
      store
        .snapshot()
        .points.get('a')
        ?.map(({ at }) => at),
    ).toEqual([5, 6])
  })

  it('stays bounded for an hour of fast data, and says when it had to drop', () => {
    const store = new LiveStore()
    store.keep(['a'])
    for (let at = 1; at <= 36_000; at += 1) store.add(sample('a', at))
    vi.advanceTimersByTime(600)
    expect(store.snapshot().points.get('a')?.length).toBeLessThanOrEqual(POINTS_MAX)
    expect(store.snapshot().isFull).toBe(true)
    store.forget(35_990)
    store.add(sample('a', 36_001))
    vi.advanceTimersByTime(600)
    expect(store.snapshot().points.get('a')).toHaveLength(11)
    expect(store.snapshot().isFull).toBe(false)
  })
})

describe('mergeSeries', () => {
  const past = (name: string, points: unknown, truncated = false) =>
    ({ signal: name, resolution: 60, points, truncated }) as TelemetrySeries

  it('adds to a number what came after its history', () => {
    const live = new Map([
      [
        'a',
        [
          { at: 5, value: 1 },
          { at: 20, value: 2 },
          { at: 30, value: null },
        ],
      ],
    ])
    const [series] = mergeSeries([signal('a', 'number')], [past('a', [[10, 1, 0, 2]])], live)
    expect(series).toMatchObject({
      kind: 'number',
      resolution: 60,
      points: [
        [10, 1, 0, 2],
        [20, 2, 2, 2],
        [30, null, null, null],
      ],
    })
  })

  it('adds to a state only its changes', () => {
    const live = new Map([
      [
        's',
        [
          { at: 20, value: 'idle' },
          { at: 30, value: 'cutting' },
          { at: 40, value: 'cutting' },
        ],
      ],
    ])
    const [series] = mergeSeries([signal('s', 'text')], [past('s', [[10, 'idle']])], live)
    expect(series?.points).toEqual([
      [10, 'idle'],
      [30, 'cutting'],
    ])
  })

  it('knows nothing beyond the changes that were given', () => {
    const history = [past('s', [[10, true]], true)]
    const [series] = mergeSeries([signal('s', 'boolean')], history, new Map())
    expect(series?.points).toEqual([
      [10, true],
      [11, null],
    ])
  })

  it('leaves the history as it was', () => {
    const points = [[10, 1, 1, 1]]
    const live = new Map([['a', [{ at: 20, value: 2 }]]])
    mergeSeries([signal('a', 'number')], [past('a', points)], live)
    expect(points).toHaveLength(1)
  })
})

describe('isCoarse', () => {
  it('is a text that is known by stretches of time only', () => {
    const of = (kind: string, resolution: number) =>
      isCoarse({ kind, resolution } as unknown as TelemetrySeries)
    expect(of('text', 3_600)).toBe(true)
    expect(of('text', 0)).toBe(false)
    expect(of('number', 3_600)).toBe(false)
  })
})

describe('chosenOf', () => {
  const signals = [
    signal('door', 'boolean'),
    ...['a', 'b', 'c', 'd'].map((name) => signal(name, 'number')),
    signal('state', 'text'),
  ]

  it('begins with numbers and a state in words', () => {
    expect(chosenOf(null, signals)).toEqual(['a', 'b', 'c', 'state'])
    expect(chosenOf(null, [signal('door', 'boolean')])).toEqual(['door'])
    expect(chosenOf(null, [])).toEqual([])
  })

  it('keeps what was chosen and still exists, and survives what is broken', () => {
    expect(chosenOf('["d","gone"]', signals)).toEqual(['d'])
    expect(chosenOf('{broken', signals)).toEqual(['a', 'b', 'c', 'state'])
    expect(chosenOf('{"a":1}', signals)).toEqual(['a', 'b', 'c', 'state'])
    const many = Array.from({ length: 12 }, (_, i) => signal(`s${i}`, 'number'))
    expect(chosenOf(JSON.stringify(many.map((each) => each.signal)), many)).toHaveLength(CHOSEN_MAX)
  })
})

describe('times', () => {
  it('asks for the history seldom', () => {
    expect(refreshMs(300_000)).toBe(60_000)
    expect(refreshMs(900_000)).toBe(180_000)
    expect(refreshMs(30 * 86_400_000)).toBe(300_000)
  })

  it('moves on by a pixel at a time, never behind now', () => {
    expect(endOf(1_234_567, 300_000)).toBe(1_235_000)
    expect(endOf(1_234_567, 86_400_000) % 86_400).toBe(0)
    expect(endOf(1_234_567, 86_400_000)).toBeGreaterThanOrEqual(1_234_567)
  })

  it('asks for as many points as there are pixels, within bounds', () => {
    expect([0, 390, 1_040, 5_000].map(pointsFor)).toEqual([500, 500, 1_000, 2_000])
  })

  it("takes the machine's clock into account for a value's age", () => {
    expect(ageOf(1_000, 5_000, 2_000)).toBe(6_000)
    expect(ageOf(9_000, 5_000, undefined)).toBe(0)
  })

  it('calls a value old by how often it comes, else after a minute', () => {
    expect(isOld(59_000, undefined)).toBe(false)
    expect(isOld(61_000, undefined)).toBe(true)
    expect(isOld(9_000, 100)).toBe(false)
    expect(isOld(11_000, 1_000)).toBe(true)
    expect(isOld(400_000, 60_000)).toBe(false)
  })
})

describe('identity', () => {
  it('says what a clock is worth', () => {
    expect([0, -1_999, 2_001, undefined, null].map(worthOf)).toEqual([
      'good',
      'good',
      'poor',
      'unknown',
      'unknown',
    ])
  })

  it('counts whole days', () => {
    expect(daysLeft(86_400_000 * 2, 1)).toBe(1)
    expect(daysLeft(0, 1)).toBe(-1)
  })
})

describe('timeline', () => {
  const event = (type: string, data: Record<string, unknown>): MachineEvent => ({
    id: 'e',
    type,
    ts: '',
    received_at: '',
    data,
  })

  it('has words for known types only', () => {
    expect(eventKey('command.awaiting_consent')).toBe('command_awaiting_consent')
    expect(eventKey('door.opened')).toBeUndefined()
  })

  it("shows the machine's own words, and nothing of another kind", () => {
    const fault = { code: 'E-204', source: 'axis.x', message: 'runs dry', context: {}, reason: 5 }
    expect(subjectOf(event('fault.raised', fault))).toBe('E-204 · axis.x · runs dry')
    expect(subjectOf(event('fault.snapshot', { faults: [{}, {}] }))).toBe('2')
    expect(subjectOf(event('x', {}))).toBe('')
  })
})
