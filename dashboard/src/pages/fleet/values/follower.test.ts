import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { LATEST_PAGE } from '../../../api/latest'
import { OfflineError, ProblemError } from '../../../api/problem'
import type { MachineLatest, Page, Signal } from '../../../api/types'
import { type Known, nextOf, PAGES_MAX, REFRESH_MS, SHARE, withPage } from './plan'
import { PAUSE_MS, ValuesFollower } from './valuesFollower'

function known(machines: string[], more: Partial<Known> = {}): Known {
  return {
    cursor: undefined,
    next: undefined,
    machines: new Set(machines),
    at: 0,
    tookMs: 0,
    ...more,
  }
}

describe('which page is next', () => {
  const first = known(['a', 'b'], { next: '2', at: 1_000 })
  const second = known(['c', 'd'], { cursor: '2', next: '3', at: 2_000 })
  const last = known(['e'], { cursor: '3', at: 3_000 })

  it('is none when nobody looks', () => {
    expect(nextOf([], [])).toBeUndefined()
    expect(nextOf([first, second, last], [])).toBeUndefined()
  })

  it('follows at once while a machine that is looked at isn’t had', () => {
    expect(nextOf([], ['a'])).toEqual({ place: 0, dueAt: 0 })
    expect(nextOf([first], ['a', 'e'])).toEqual({ place: 1, dueAt: 0 })
  })

  it('is the oldest one with a machine that is looked at, after a while', () => {
    expect(nextOf([first], ['a'])).toEqual({ place: 0, dueAt: 1_000 + REFRESH_MS })
    expect(nextOf([first, second, last], ['c', 'e'])).toEqual({
      place: 1,
      dueAt: 2_000 + REFRESH_MS,
    })
  })

  it('comes later when the platform needs long for all of them', () => {
    const slow = { ...first, tookMs: 3_000 }
    const other = { ...second, tookMs: 2_000 }
    expect(nextOf([slow, other, last], ['a', 'c'])?.dueAt).toBe(1_000 + SHARE * 5_000)
    expect(nextOf([slow, other, last], ['e'])?.dueAt).toBe(3_000 + REFRESH_MS)
  })

  it('is the last one for a machine that was registered since', () => {
    expect(nextOf([first, second, last], ['new'])?.place).toBe(2)
  })

  it('isn’t asked for beyond the bound', () => {
    const pages = Array.from({ length: PAGES_MAX }, (_, at) => known([`m${at}`], { next: 'x', at }))
    expect(nextOf(pages.slice(1), ['new'])?.place).toBe(PAGES_MAX - 1)
    expect(nextOf(pages, ['new'])).toEqual({
      place: PAGES_MAX - 1,
      dueAt: PAGES_MAX - 1 + REFRESH_MS,
    })
  })

  it('is none any more that came after the one that is the last now', () => {
    const shrunk = known(['a', 'b', 'c'])
    expect(withPage([first, second, last], 0, shrunk)).toEqual([shrunk])
    expect(withPage([first, second, last], 1, second)).toEqual([first, second, last])
    expect(withPage([first], 1, second)).toEqual([first, second])
  })
})

function signal(name: string, value: unknown): Signal {
  return { signal: name, value, ts: '2026-11-28T12:00:00Z', quality: 'good' }
}

function page(values: Record<string, number>, next?: string): Page<MachineLatest> {
  const items = Object.entries(values).map(([machine_id, value]) => ({
    machine_id,
    signals: [signal('load', value)],
  }))
  return { items, next_cursor: next }
}

interface Asked {
  signals: readonly string[]
  cursor: string | undefined
  stop: AbortSignal
  answer: (page: Page<MachineLatest>) => Promise<void>
  fail: (error: unknown) => Promise<void>
}

describe('ValuesFollower', () => {
  let asked: Asked[]
  let follower: ValuesFollower
  const settled = () => vi.advanceTimersByTimeAsync(0)
  const nth = (at: number): Asked => {
    const one = asked[at]
    if (!one) throw new Error(`only ${asked.length} requests`)
    return one
  }
  const shown = (machine: string) => follower.snapshot().values.get(machine)?.of.get('load')?.value

  beforeEach(() => {
    vi.useFakeTimers()
    asked = []
    follower = new ValuesFollower(
      (signals, cursor, stop) =>
        new Promise((resolve, reject) => {
          asked.push({
            signals,
            cursor,
            stop,
            answer: async (page) => {
              resolve(page)
              await settled()
            },
            fail: async (error) => {
              reject(error)
              await settled()
            },
          })
        }),
    )
    follower.resume()
    follower.follow(['load'])
  })
  afterEach(() => {
    follower.stop()
    vi.useRealTimers()
  })

  it('asks for nothing while there is nothing to show', () => {
    expect(asked).toHaveLength(0)
    follower.follow([])
    follower.see(['a'])
    expect(asked).toHaveLength(0)
  })

  it('goes on, one request at a time, until it has what is looked at', async () => {
    follower.see(['a', 'd'])
    follower.see(['b', 'd'])
    expect(asked).toHaveLength(1)
    await nth(0).answer(page({ a: 1, b: 2 }, '2'))
    expect(asked.map(({ cursor }) => cursor)).toEqual([undefined, '2'])
    await nth(1).answer(page({ c: 3, d: 4 }, '3'))
    expect(asked).toHaveLength(2)
    expect([shown('a'), shown('d')]).toEqual([1, 4])
    follower.see(['e'])
    expect(nth(2).cursor).toBe('3')
  })

  it('asks again for the page that is looked at, and only for that', async () => {
    follower.see(['c'])
    await nth(0).answer(page({ a: 1, b: 2 }, '2'))
    await nth(1).answer(page({ c: 3 }))
    await vi.advanceTimersByTimeAsync(REFRESH_MS - 1)
    expect(asked).toHaveLength(2)
    await vi.advanceTimersByTimeAsync(1)
    expect(nth(2).cursor).toBe('2')
    await nth(2).answer(page({ c: 30 }))
    expect([shown('a'), shown('c')]).toEqual([1, 30])
  })

  it('forgets a machine that is in its page no more', async () => {
    follower.see(['a', 'b'])
    await nth(0).answer(page({ a: 1, b: 2 }))
    await vi.advanceTimersByTimeAsync(REFRESH_MS)
    await nth(1).answer(page({ a: 1 }))
    expect(shown('b')).toBeUndefined()
    expect(shown('a')).toBe(1)
  })

  it('asks for nothing while the tab is hidden, and at once when it is back', async () => {
    follower.see(['a'])
    follower.rest()
    await nth(0).answer(page({ a: 1 }))
    expect(shown('a')).toBe(1)
    await vi.advanceTimersByTimeAsync(10 * REFRESH_MS)
    expect(asked).toHaveLength(1)
    follower.resume()
    expect(asked).toHaveLength(2)
  })

  it('doesn’t wait for what nobody needs any more', async () => {
    follower.see(['a'])
    follower.follow(['load', 'speed'])
    expect(nth(0).stop.aborted).toBe(true)
    expect(nth(1).signals).toEqual(['load', 'speed'])
    await nth(0).answer(page({ a: 99 }))
    expect(shown('a')).toBeUndefined()
    follower.stop()
    expect(nth(1).stop.aborted).toBe(true)
    await nth(1).answer(page({ a: 98 }))
    await vi.advanceTimersByTimeAsync(10 * REFRESH_MS)
    expect(shown('a')).toBeUndefined()
    expect(asked).toHaveLength(2)
  })

  it('keeps what it has of the signals that stay', async () => {
    follower.see(['a'])
    await nth(0).answer(page({ a: 1 }))
    follower.follow(['load', 'speed'])
    expect(follower.snapshot().values.get('a')?.asked).toEqual(['load'])
    expect(shown('a')).toBe(1)
    follower.follow([])
    expect(follower.snapshot().values.size).toBe(0)
  })

  it('tries again later and later, keeps what it has, and says why', async () => {
    follower.see(['a', 'b'])
    await nth(0).answer(page({ a: 1 }, '2'))
    const error = new OfflineError()
    await nth(1).fail(error)
    expect(follower.snapshot().error).toBe(error)
    expect(shown('a')).toBe(1)
    await vi.advanceTimersByTimeAsync(PAUSE_MS.first)
    await nth(2).fail(error)
    await vi.advanceTimersByTimeAsync(2 * PAUSE_MS.first - 1)
    expect(asked).toHaveLength(3)
    await vi.advanceTimersByTimeAsync(1)
    expect(nth(3).cursor).toBe('2')
    await nth(3).answer(page({ b: 2 }))
    expect(follower.snapshot().error).toBeUndefined()
  })

  it('waits as long as the platform says', async () => {
    follower.see(['a'])
    const busy = new ProblemError(429, { type: 't', title: 'Busy', status: 429 }, 30)
    await nth(0).fail(busy)
    await vi.advanceTimersByTimeAsync(29_999)
    expect(asked).toHaveLength(1)
    await vi.advanceTimersByTimeAsync(1)
    expect(asked).toHaveLength(2)
  })

  it('doesn’t repeat what is refused until somebody asks for it', async () => {
    follower.see(['a'])
    await nth(0).answer(page({ b: 1 }, 'no such cursor'))
    await nth(1).fail(new ProblemError(422, { type: 't', title: 'Invalid', status: 422 }))
    await vi.advanceTimersByTimeAsync(10 * PAUSE_MS.longest)
    expect(asked).toHaveLength(2)
    follower.retry()
    expect(follower.snapshot().error).toBeUndefined()
    expect(nth(2).cursor).toBeUndefined()
  })

  it('tells its readers of each change once', async () => {
    const heard = vi.fn()
    const stop = follower.subscribe(heard)
    follower.see(['a'])
    await nth(0).answer(page({ a: 1 }))
    expect(heard).toHaveBeenCalledTimes(1)
    stop()
    follower.follow([])
    expect(heard).toHaveBeenCalledTimes(1)
  })
})

it('values are asked for of as many machines as the list has at most', () => {
  expect(PAGES_MAX * LATEST_PAGE).toBe(20_000)
})
