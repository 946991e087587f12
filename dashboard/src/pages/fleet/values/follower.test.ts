import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { LatestOf } from '../../../api/latest'
import { OfflineError, ProblemError } from '../../../api/problem'
import type { MachineLatest, Page, Signal } from '../../../api/types'
import { IDS_MAX, REFRESH_MS, SHARE } from './plan'
import { PAUSE_MS, ValuesFollower } from './valuesFollower'

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
  of: LatestOf
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
      (signals, of, stop) =>
        new Promise((resolve, reject) => {
          asked.push({
            signals,
            of,
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

  it('asks for what is looked at, one request at a time', async () => {
    follower.see(['a', 'd'])
    follower.see(['b', 'd'])
    expect(asked).toHaveLength(1)
    await nth(0).answer(page({ a: 1, d: 4 }))
    expect(asked.map(({ of }) => of)).toEqual([{ machines: ['a', 'd'] }, { machines: ['b'] }])
    await nth(1).answer(page({ b: 2 }))
    expect(asked).toHaveLength(2)
    expect([shown('a'), shown('b'), shown('d')]).toEqual([1, 2, 4])
    follower.see(['d', 'e'])
    expect(nth(2).of).toEqual({ machines: ['e'] })
  })

  it('asks again for what is looked at, and only for that', async () => {
    follower.see(['a', 'b'])
    await nth(0).answer(page({ a: 1, b: 2 }))
    follower.see(['b'])
    await vi.advanceTimersByTimeAsync(REFRESH_MS - 1)
    expect(asked).toHaveLength(1)
    await vi.advanceTimersByTimeAsync(1)
    expect(nth(1).of).toEqual({ machines: ['b'] })
    await nth(1).answer(page({ b: 20 }))
    expect([shown('a'), shown('b')]).toEqual([1, 20])
  })

  it('takes a tenth of the time at most to renew what it has', async () => {
    follower.see(['a'])
    await vi.advanceTimersByTimeAsync(6_000)
    await nth(0).answer(page({ a: 1 }))
    await vi.advanceTimersByTimeAsync((SHARE - 1) * 6_000 - 1)
    expect(asked).toHaveLength(1)
    // What isn't there yet doesn't wait, but what comes after it does again.
    follower.see(['a', 'b'])
    expect(nth(1).of).toEqual({ machines: ['b'] })
    await vi.advanceTimersByTimeAsync(3_000)
    await nth(1).answer(page({ b: 1 }))
    await vi.advanceTimersByTimeAsync((SHARE - 1) * 3_000 - 1)
    expect(asked).toHaveLength(2)
    await vi.advanceTimersByTimeAsync(1)
    expect(nth(2).of).toEqual({ machines: ['a', 'b'] })
  })

  it('forgets a machine that the platform has no values of any more, and waits to ask again', async () => {
    follower.see(['a', 'b'])
    await nth(0).answer(page({ a: 1, b: 2 }))
    await vi.advanceTimersByTimeAsync(REFRESH_MS)
    await nth(1).answer(page({ a: 1 }))
    expect(shown('b')).toBeUndefined()
    expect(shown('a')).toBe(1)
    expect(asked).toHaveLength(2)
    await vi.advanceTimersByTimeAsync(REFRESH_MS)
    expect(nth(2).of).toEqual({ machines: ['a', 'b'] })
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
    follower.see(['a'])
    await nth(0).answer(page({ a: 1 }))
    follower.see(['a', 'b'])
    const error = new OfflineError()
    await nth(1).fail(error)
    expect(follower.snapshot().error).toBe(error)
    expect(shown('a')).toBe(1)
    await vi.advanceTimersByTimeAsync(PAUSE_MS.first)
    await nth(2).fail(error)
    await vi.advanceTimersByTimeAsync(2 * PAUSE_MS.first - 1)
    expect(asked).toHaveLength(3)
    await vi.advanceTimersByTimeAsync(1)
    expect(nth(3).of).toEqual({ machines: ['b'] })
    await nth(3).answer(page({ b: 2 }))
    expect(follower.snapshot().error).toBeUndefined()
  })

  it('doesn’t ask again for what is new, when an outage is over', async () => {
    follower.see(['a'])
    await nth(0).answer(page({ a: 1 }))
    follower.retry()
    expect(asked).toHaveLength(1)
    await vi.advanceTimersByTimeAsync(REFRESH_MS)
    await nth(1).fail(new ProblemError(503, { type: 't', title: 'Busy', status: 503 }))
    follower.retry()
    expect(nth(2).of).toEqual({ machines: ['a'] })
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

  it('doesn’t repeat what is refused until somebody asks for it, then all over', async () => {
    const many = Array.from({ length: IDS_MAX + 1 }, (_, at) => `m${at}`)
    follower.see([...many, ...many.map((one) => `${one}'`)])
    const values = Object.fromEntries(many.map((one) => [one, 1]))
    await nth(0).answer(page(values, 'no such cursor'))
    expect(asked.map(({ of }) => of)).toEqual([{ cursor: undefined }, { cursor: 'no such cursor' }])
    await nth(1).fail(new ProblemError(422, { type: 't', title: 'Invalid', status: 422 }))
    await vi.advanceTimersByTimeAsync(10 * PAUSE_MS.longest)
    expect(asked).toHaveLength(2)
    follower.retry()
    expect(follower.snapshot().error).toBeUndefined()
    expect(nth(2).of).toEqual({ cursor: undefined })
    expect(shown('m0')).toBe(1)
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
