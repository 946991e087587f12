/** Conditions as they are edited: changed, where something is wrong, and what is drawn. */
import { describe, expect, it } from 'vitest'
import { fieldAt, problemsOf } from './check'
import { childrenOf, type Condition, type Draft, groupOf, type Leaf, leafOf } from './draft'
import {
  added,
  canRemove,
  canUnwrap,
  canWrap,
  changed,
  found,
  levelAdded,
  removed,
  unwrapped,
  wrapped,
} from './edit'
import { GROUPS, KINDS, THRESHOLD } from './examples'
import { placeOf, stepsOf } from './paths'
import { draftOf } from './read'
import { limitsOf, signalsOf } from './watched'
import { toCondition } from './write'

describe('a tree', () => {
  const a = leafOf('threshold', { signal: 'a' })
  const b = leafOf('state', { signal: 'b' })
  const c = leafOf('rate', { signal: 'c' })
  const inner = groupOf('any', [b, c])
  const root = groupOf('all', [a, inner])
  const shape = (part: Draft): unknown =>
    childrenOf(part).length > 0 ? [part.kind, ...childrenOf(part).map(shape)] : part.kind

  it('is changed at one place', () => {
    const next = changed(root, c.key, (part) => ({ ...part, signal: 'other' }) as Leaf)
    expect(found(next, c.key)).toMatchObject({ signal: 'other' })
    expect(found(next, a.key)).toBe(a)
    expect(found(root, c.key)).toBe(c)
    expect(found(root, 'nowhere')).toBeUndefined()
  })

  it('grows and shrinks', () => {
    const grown = added(root, inner.key, 'missing')
    expect(shape(grown)).toEqual(['all', 'threshold', ['any', 'state', 'rate', 'missing']])
    expect(shape(removed(grown, b.key))).toEqual(['all', 'threshold', ['any', 'rate', 'missing']])
    expect(shape(added(root, a.key, 'missing'))).toEqual(shape(root))
  })

  it('keeps its outermost part', () => {
    expect(canRemove(root, root.key)).toBe(false)
    expect(removed(root, root.key)).toBe(root)
    expect(canRemove(root, a.key)).toBe(true)
  })

  it('of a while keeps the other half', () => {
    const held = wrapped(a, a.key, 'while')
    expect(shape(held)).toEqual(['while', 'state', 'threshold'])
    const [gate] = childrenOf(held)
    expect(removed(held, gate?.key ?? '')).toBe(a)
    expect(removed(held, a.key)).toBe(gate)
    expect(unwrapped(held, held.key)).toBe(a)
  })

  it('is wrapped in groups, and in levels only as a whole', () => {
    expect(shape(wrapped(root, b.key, 'all'))).toEqual([
      'all',
      'threshold',
      ['any', ['all', 'state'], 'rate'],
    ])
    expect(canWrap(root, a.key, 'levels')).toBe(false)
    expect(wrapped(root, a.key, 'levels')).toBe(root)
    const levels = wrapped(root, root.key, 'levels')
    const [first, second] = childrenOf(levels)
    expect(shape(levels)).toEqual(['levels', shape(root), shape(root)])
    expect(first).toBe(root)
    expect(found(second as Draft, a.key)).toBeUndefined()
    expect(canWrap(levels, levels.key, 'all')).toBe(false)
    const anomaly = leafOf('anomaly')
    expect(canWrap(anomaly, anomaly.key, 'any')).toBe(false)
    const running = wrapped(anomaly, anomaly.key, 'while')
    expect(shape(running)).toEqual(['while', 'state', 'anomaly'])
    expect(canWrap(running, running.key, 'all')).toBe(false)
    expect(canWrap(running, anomaly.key, 'while')).toBe(false)
    expect(unwrapped(running, running.key)).toBe(anomaly)
  })

  it('has two to four levels, each more severe', () => {
    const two = wrapped(a, a.key, 'levels')
    expect(canRemove(two, a.key)).toBe(false)
    const four = levelAdded(levelAdded(levelAdded(two, two.key), two.key), two.key)
    expect(childrenOf(four)).toHaveLength(4)
    expect(toCondition(four, 'en')).toMatchObject({
      levels: [{}, {}, { severity: 'critical' }, { severity: 'critical' }],
    })
    expect(canRemove(four, a.key)).toBe(true)
    expect(childrenOf(removed(four, a.key))).toHaveLength(3)
  })

  it('gives up a part that is only around others', () => {
    expect(canUnwrap(root, root.key)).toBe(false)
    expect(canUnwrap(root, a.key)).toBe(false)
    expect(shape(unwrapped(root, inner.key))).toEqual(['all', 'threshold', 'state', 'rate'])
    const alone = groupOf('all', [a])
    expect(unwrapped(alone, alone.key)).toBe(a)
  })
})

describe('where the platform finds fault', () => {
  const draft = draftOf(
    {
      kind: 'all',
      conditions: [
        THRESHOLD,
        { kind: 'while', while: KINDS[6], condition: { kind: 'any', conditions: [KINDS[3]] } },
        { kind: 'newer' },
        KINDS[12],
      ],
    },
    'en',
  )
  const [threshold, held, newer, schedule] = childrenOf(draft) as [Draft, Draft, Draft, Draft]
  const [gate, group] = childrenOf(held) as [Draft, Draft]
  const deviation = childrenOf(group)[0] as Draft

  it.each([
    ['condition', draft, ''],
    ['condition.hold_s', draft, 'hold_s'],
    ['condition.conditions', draft, ''],
    ['condition.conditions[9].above', draft, ''],
    ['condition.conditions[0].above', threshold, 'limit'],
    ['condition.conditions[0].below', threshold, 'limit'],
    ['condition.conditions[0].above.parameter', threshold, 'limit.parameter'],
    ['condition.conditions[0].above.default', threshold, 'limit'],
    ['condition.conditions[0].clear_at.parameter', threshold, 'clear_at'],
    ['condition.conditions[0].unit', threshold, 'unit'],
    ['condition.conditions[0].sometimes', threshold, ''],
    ['condition.conditions[1].while.is[1]', gate, 'values'],
    ['condition.conditions[1].condition.conditions[0].from', deviation, 'from'],
    ['condition.conditions[2].a.b[3]', newer, 'json'],
    ['condition.conditions[3].from', schedule, 'day_from'],
    ['condition.conditions[3].to', schedule, 'day_to'],
  ] as const)('%s', (path, part, field) => {
    expect(placeOf(draft, path)).toBe(fieldAt(part.key, field))
  })

  it('has a level’s severity, and an anomaly’s own time', () => {
    const levels = draftOf(GROUPS[3], 'en')
    if (levels.kind !== 'levels') throw new Error(levels.kind)
    const at = placeOf(levels, 'condition.levels[1].severity')
    expect(at).toBe(fieldAt(levels.levels[1]?.key ?? '', 'severity'))
    const second = childrenOf(levels)[1]?.key ?? ''
    expect(placeOf(levels, 'condition.levels[1].condition.signal')).toBe(fieldAt(second, 'signal'))
    const anomaly = leafOf('anomaly')
    expect(placeOf(anomaly, 'condition.clear_hold_s')).toBe(fieldAt(anomaly.key, 'calm_s'))
    expect(placeOf(anomaly, 'condition.signals[1]')).toBe(fieldAt(anomaly.key, 'signals'))
  })

  it('isn’t in the condition', () => {
    expect(placeOf(draft, 'severity')).toBeUndefined()
    expect(placeOf(draft, 'conditions[0]')).toBeUndefined()
    expect(stepsOf('a[0].b')).toEqual(['a', 0, 'b'])
  })
})

describe('what is wrong before the platform is asked', () => {
  const wrong = (draft: Draft, language = 'en') =>
    [...problemsOf(draft, language)].map(([at, { kind }]) => [
      at.split('.').slice(1).join('.'),
      kind,
    ])

  it('in a new part is all that it needs', () => {
    expect(wrong(leafOf('threshold'))).toEqual([
      ['signal', 'missing'],
      ['limit', 'number'],
    ])
    expect(wrong(leafOf('missing', { subject: 'event' }))).toEqual([
      ['event', 'missing'],
      ['for_s', 'number'],
    ])
    expect(wrong(leafOf('anomaly'))).toEqual([['signals', 'missing']])
    expect(wrong(leafOf('schedule'))).toEqual([])
    expect(wrong(groupOf('all', []))).toEqual([['', 'empty']])
  })

  it('is a number that can’t be read or is out of bounds', () => {
    const limit = { isParameter: true, parameter: ' ', number: '' }
    const leaf = leafOf('rate', { signal: 't', window_s: 0, limit, hold_s: '1.000,5' })
    expect(wrong(leaf, 'de')).toEqual([
      ['window_s', 'number'],
      ['limit', 'number'],
      ['limit.parameter', 'missing'],
      ['hold_s', 'number'],
    ])
  })

  it('is a time or the name of a parameter that isn’t one', () => {
    const schedule = (day_from: string, day_to: string) =>
      wrong(leafOf('schedule', { day_from, day_to })).map(([field]) => field)
    expect(wrong(leafOf('schedule', { day_from: '8:00' }))).toEqual([['day_from', 'time']])
    expect(schedule(' 08:00 ', '24:00')).toEqual([])
    expect(schedule('08:60', '24:01')).toEqual(['day_from', 'day_to'])
    expect(schedule('8 Uhr', '0800')).toEqual(['day_from', 'day_to'])
    const named = (parameter: string) => {
      const limit = { isParameter: true, parameter, number: 80 }
      return wrong(leafOf('threshold', { signal: 't', limit }))
    }
    expect(named(' max_temperature.2 ')).toEqual([])
    expect(named('Max Temp')).toEqual([['limit.parameter', 'parameter']])
    expect(named('a'.repeat(65))).toEqual([['limit.parameter', 'parameter']])
  })

  it('is a value of another type, or text that isn’t JSON', () => {
    const values = { type: 'number' as const, items: ['1', 'x'] }
    expect(wrong(leafOf('state', { signal: 's', values }))).toEqual([['values', 'values']])
    expect(wrong({ key: 'raw', kind: 'json', text: '{' })).toEqual([['json', 'json']])
  })
})

describe('what is drawn', () => {
  const words = { limit: 'Limit', clearAt: 'Clear at' }

  it('are the signals, those with limits first, each once', () => {
    const state = KINDS[6] as Condition
    expect(signalsOf({ kind: 'while', while: state, condition: THRESHOLD })).toEqual(['t', 'state'])
    expect(signalsOf({ kind: 'all', conditions: KINDS })).toEqual([
      ...['t', 'oil.pressure', 'a', 'b', 'door', 'state', 'mode', 'p', 's'],
      ...['load', 'vibration'],
    ])
    expect(signalsOf({ kind: 'all', conditions: null } as unknown as Condition)).toEqual([])
  })

  it('are limits of values, as they are for the machine', () => {
    expect(limitsOf(GROUPS[3] as Condition, { max_temperature: 90 }, words)).toEqual([
      { value: 0, label: 'Limit', signal: 'oil.pressure' },
      { value: 90, label: 'Limit', signal: 't' },
      { value: 75.5, label: 'Clear at', signal: 't' },
    ])
    expect(limitsOf(THRESHOLD, {}, words)[0]).toMatchObject({ value: 80 })
    expect(limitsOf(KINDS[2] as Condition, {}, words)).toEqual([])
  })
})
