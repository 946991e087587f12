import { describe, expect, it } from 'vitest'
import { type Had, IDS_MAX, type Known, nextOf, REFRESH_MS, withPage } from './plan'

const PAGE = 500
const ids = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, at) => `m${from + at}`)

function known(machines: readonly string[], more: Partial<Known> = {}): Known {
  return { cursor: undefined, next: undefined, machines: new Set(machines), ...more }
}

function had(at: Record<string, number> = {}, more: Partial<Had> = {}): Had {
  return { at: new Map(Object.entries(at)), pages: [], restUntil: 0, ...more }
}

/** These pages of the fleet, had one after the other from this time on. */
function gone(pages: readonly Known[], from: number, more: Partial<Had> = {}): Had {
  const at = pages.flatMap(({ machines }, place) =>
    [...machines].map((machine) => [machine, from + place] as const),
  )
  return had(Object.fromEntries(at), { pages, ...more })
}

const next = (of: Had, machines: readonly string[]) => nextOf(of, new Set(machines))

describe('what is asked for next', () => {
  it('is nothing when nobody looks', () => {
    expect(next(had(), [])).toBeUndefined()
    expect(next(had({ a: 1 }), [])).toBeUndefined()
  })

  it('is what is missing, at once, whatever is old', () => {
    expect(next(had(), ['a', 'b'])).toEqual({ machines: ['a', 'b'], dueAt: 0 })
    expect(next(had({ a: 1 }, { restUntil: 1e9 }), ['a', 'b'])).toEqual({
      machines: ['b'],
      dueAt: 0,
    })
  })

  it('is what is oldest, together with the rest that is looked at, after a while', () => {
    const three = had({ a: 2_000, b: 1_000, c: 0 })
    expect(next(three, ['a', 'b'])).toEqual({ machines: ['b', 'a'], dueAt: 1_000 + REFRESH_MS })
  })

  it('comes later when the platform needs long', () => {
    const slow = had({ a: 1_000 }, { restUntil: 90_000 })
    expect(next(slow, ['a'])?.dueAt).toBe(90_000)
  })

  it('names no more than a request may', () => {
    const many = ids(0, IDS_MAX + 50)
    const at = Object.fromEntries(many.map((machine, place) => [machine, 1_000 - place]))
    const renewed = next(had(at), many)
    expect(renewed).toEqual({
      machines: many.slice(50).reverse(),
      dueAt: 1_000 - (many.length - 1) + REFRESH_MS,
    })
    const sparse = had({}, { pages: [known(['other'], { next: '2' })] })
    expect(next(sparse, many)).toEqual({ machines: many.slice(0, IDS_MAX), dueAt: 0 })
  })
})

describe('of very many', () => {
  const first = known(ids(0, PAGE), { next: '2' })
  const second = known(ids(PAGE, 2 * PAGE), { cursor: '2', next: '3' })
  const third = known(ids(2 * PAGE, 3 * PAGE), { cursor: '3' })
  const all = ids(0, 3 * PAGE)

  it('the fleet is gone through, page after page', () => {
    expect(next(had(), all)).toEqual({ place: 0, dueAt: 0 })
    expect(next(gone([first], 0), all)).toEqual({ place: 1, dueAt: 0 })
    expect(next(gone([first, second], 0), all)).toEqual({ place: 2, dueAt: 0 })
  })

  it('the oldest page comes first again', () => {
    const pages = gone([first, second, third], 1_000)
    expect(next(pages, all)).toEqual({ place: 0, dueAt: 1_000 + REFRESH_MS })
    const renewed = new Map([...pages.at, ...ids(0, PAGE).map((one) => [one, 9_000] as const)])
    expect(next({ ...pages, at: renewed }, all)).toEqual({ place: 1, dueAt: 1_001 + REFRESH_MS })
  })

  it('a page with few of them leads no further: the rest has its ids', () => {
    const few = [...ids(0, 3), ...ids(40_000, 40_150)]
    expect(next(gone([first], 0), few)).toEqual({
      machines: ids(40_000, 40_000 + IDS_MAX),
      dueAt: 0,
    })
  })

  it('what came after the last page has its ids', () => {
    const fresh = ids(90_000, 90_150)
    expect(next(gone([first, second, third], 0), [...all, ...fresh])).toEqual({
      machines: fresh.slice(0, IDS_MAX),
      dueAt: 0,
    })
  })

  it('few that are still missing have their ids', () => {
    expect(next(gone([first], 0), [...ids(0, PAGE), 'm700'])).toEqual({
      machines: ['m700'],
      dueAt: 0,
    })
  })

  it('pages with few of them aren’t renewed for those', () => {
    const pages = gone([first, second, third], 1_000)
    const needed = [...ids(0, 2), ...ids(PAGE, 2 * PAGE)]
    expect(next(pages, needed)).toEqual({ machines: ids(0, 2), dueAt: 1_000 + REFRESH_MS })
    const at = new Map(pages.at).set('m0', 5_000).set('m1', 5_000)
    expect(next({ ...pages, at }, needed)).toEqual({ place: 1, dueAt: 1_001 + REFRESH_MS })
  })
})

it('no page is kept that came after the one that is the last now', () => {
  const first = known(['a', 'b'], { next: '2' })
  const second = known(['c', 'd'], { cursor: '2', next: '3' })
  const last = known(['e'], { cursor: '3' })
  const shrunk = known(['a', 'b', 'c'])
  expect(withPage([first, second, last], 0, shrunk)).toEqual([shrunk])
  expect(withPage([first, second, last], 1, second)).toEqual([first, second, last])
  expect(withPage([first], 1, second)).toEqual([first, second])
})
