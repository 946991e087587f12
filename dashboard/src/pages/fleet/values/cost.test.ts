/** What the list's values cost a platform with many machines. */
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { LATEST_PAGE } from '../../../api/latest'
import { IDS_MAX, REFRESH_MS, SHARE } from './plan'
import { type Ask, MACHINES_MAX, ValuesFollower } from './valuesFollower'

const TOOK_MS = 50
const MINUTE_MS = 60_000

const idOf = (place: number) => `m${place}`
const idsFrom = (place: number, count: number) =>
  Array.from({ length: count }, (_, at) => idOf(place + at))

/** A platform with so many machines, that counts what it is asked for. */
function platform(fleet: number) {
  const cost = { requests: 0, pages: 0, items: 0, mostIds: 0 }
  const ask: Ask = async (_, of) => {
    await new Promise((resolve) => setTimeout(resolve, TOOK_MS))
    const from = 'machines' in of ? 0 : Number(of.cursor ?? 0)
    const count = Math.min(LATEST_PAGE, fleet - from)
    const ids = 'machines' in of ? of.machines : idsFrom(from, count)
    cost.requests += 1
    cost.items += ids.length
    if ('machines' in of) cost.mostIds = Math.max(cost.mostIds, ids.length)
    else cost.pages += 1
    const end = from + count
    const next_cursor = 'machines' in of || end >= fleet ? null : String(end)
    return { items: ids.map((machine_id) => ({ machine_id, signals: [] })), next_cursor }
  }
  return { cost, ask }
}

let follower: ValuesFollower
beforeEach(() => vi.useFakeTimers())
afterEach(() => {
  follower.stop()
  vi.useRealTimers()
})

function follow(ask: Ask, machines: readonly string[]): void {
  follower = new ValuesFollower(ask)
  follower.resume()
  follower.follow(['load'])
  follower.see(machines)
}

const missing = (machines: readonly string[]) =>
  machines.filter((machine) => !follower.snapshot().values.has(machine))

it('30 machines in sight of 20,000 are 30 values every 15 seconds', async () => {
  const { cost, ask } = platform(20_000)
  // By name they are in no order of the platform's.
  const seen = Array.from({ length: 30 }, (_, at) => idOf(at * 660))
  follow(ask, seen)
  await vi.advanceTimersByTimeAsync(TOOK_MS)
  expect(missing(seen)).toEqual([])
  expect(cost).toEqual({ requests: 1, pages: 0, items: 30, mostIds: 30 })
  await vi.advanceTimersByTimeAsync(10 * MINUTE_MS)
  expect(cost.pages).toBe(0)
  expect(cost.requests).toBeLessThanOrEqual(1 + (10 * MINUTE_MS) / REFRESH_MS)
  expect(cost.requests).toBeGreaterThan((10 * MINUTE_MS) / REFRESH_MS - 2)
  expect(cost.items).toBe(cost.requests * 30)
})

it('all of 20,000, when they are sorted, come in pages, and are renewed for a tenth of the time', async () => {
  const { cost, ask } = platform(20_000)
  const all = idsFrom(0, 20_000)
  follow(ask, all)
  await vi.advanceTimersByTimeAsync((20_000 / LATEST_PAGE) * TOOK_MS)
  expect(missing(all)).toEqual([])
  expect(cost).toEqual({ requests: 40, pages: 40, items: 20_000, mostIds: 0 })
  await vi.advanceTimersByTimeAsync(MINUTE_MS)
  expect(cost.pages).toBe(cost.requests)
  expect(cost.requests - 40).toBeLessThanOrEqual(MINUTE_MS / (SHARE * TOOK_MS))
  expect(cost.requests - 40).toBeGreaterThan(40)
})

it('after a while in a hidden tab they aren’t asked for all at once', async () => {
  const { cost, ask } = platform(5_000)
  follow(ask, idsFrom(0, 5_000))
  await vi.advanceTimersByTimeAsync(10 * TOOK_MS)
  follower.rest()
  await vi.advanceTimersByTimeAsync(MINUTE_MS)
  expect(cost.requests).toBe(10)
  follower.resume()
  await vi.advanceTimersByTimeAsync(5 * SHARE * TOOK_MS)
  expect(cost.requests - 10).toBeLessThanOrEqual(6)
  expect(cost.requests).toBeGreaterThan(10)
})

it('values come of machines that are listed from far behind in a larger fleet', async () => {
  const { cost, ask } = platform(100_000)
  const narrowed = Array.from({ length: 1_000 }, (_, at) => idOf(50_000 + at * 40))
  follow(ask, narrowed)
  await vi.advanceTimersByTimeAsync(MINUTE_MS)
  expect(missing(narrowed)).toEqual([])
  // One page says that pages lead nowhere.
  expect(cost.pages).toBe(1)
  expect(cost.mostIds).toBe(IDS_MAX)
  expect(cost.items).toBeLessThanOrEqual(LATEST_PAGE + 1_000 * (1 + MINUTE_MS / REFRESH_MS))
})

it('of a fleet that is gone through bit by bit, only as many values are kept as a list has', async () => {
  const { ask } = platform(30_000)
  follow(ask, [])
  for (let from = 0; from < 30_000; from += 10_000) {
    follower.see(idsFrom(from, 10_000))
    await vi.advanceTimersByTimeAsync(20_000)
    expect(missing(idsFrom(from, 10_000))).toEqual([])
    expect(follower.snapshot().values.size).toBeLessThanOrEqual(MACHINES_MAX)
  }
})
