import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { currentOutage, followReadiness, foundIn, noteStatus, onRecovery } from './readiness'

const DOWN = 'cannot connect'
const well = { ready: true, checks: { database: { ok: true }, bus: { ok: false, reason: 'slow' } } }
const down = { ready: false, checks: { database: { ok: false, reason: DOWN } } }

/** What `/readyz` answers; without it nobody does, `silent` lets everybody wait. */
let answer: object | undefined | 'silent'
let asked: number
let stop: () => void

async function fakeFetch(_: string, { signal }: { signal: AbortSignal }): Promise<Response> {
  asked += 1
  if (answer === undefined) throw new TypeError('Failed to fetch')
  if (answer !== 'silent') return Response.json(answer, { status: answer === well ? 200 : 503 })
  return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
}

const after = (ms: number) => vi.advanceTimersByTimeAsync(ms)

async function start(first: typeof answer): Promise<void> {
  answer = first
  stop = followReadiness()
  await after(0)
}

beforeEach(() => {
  vi.useFakeTimers({ now: Date.parse('2026-11-28T12:00:00Z') })
  vi.stubGlobal('fetch', fakeFetch)
  asked = 0
})
afterEach(() => {
  stop()
  vi.useRealTimers()
  vi.unstubAllGlobals()
})

describe('an outage', () => {
  it('is asked for once a minute while all is well', async () => {
    await start(well)
    expect(asked).toBe(1)
    await after(59_999)
    expect(asked).toBe(1)
    await after(1)
    expect(asked).toBe(2)
    expect(currentOutage()).toBeUndefined()
  })

  it('is noticed by a refusal, at once and with one question for many refusals', async () => {
    await start(well)
    answer = down
    await after(10_000)
    for (let refusal = 0; refusal < 50; refusal += 1) noteStatus(503)
    noteStatus(500)
    await after(1_000)
    expect(asked).toBe(2)
    const since = Date.parse('2026-11-28T12:00:11Z')
    expect(currentOutage()).toEqual({ part: 'database', reason: DOWN, since, sawBegin: true })
  })

  it('is asked for every 5 s, however much is refused, keeps its beginning, and ends', async () => {
    const recovered = vi.fn()
    const forget = onRecovery(recovered)
    await start(down)
    const since = currentOutage()?.since
    expect(currentOutage()?.sawBegin).toBe(false)
    for (let second = 0; second < 60; second += 1) {
      noteStatus(503)
      await after(1_000)
    }
    expect(asked).toBe(13)
    expect(currentOutage()?.since).toBe(since)
    expect(recovered).not.toHaveBeenCalled()
    answer = well
    await after(5_000)
    expect(currentOutage()).toBeUndefined()
    expect(recovered).toHaveBeenCalledOnce()
    await after(59_999)
    expect(asked).toBe(14)
    forget()
  })

  it('isn’t claimed while nobody answers, and keeps its beginning over a restart', async () => {
    await start(down)
    const since = currentOutage()?.since
    answer = undefined
    await after(5_000)
    expect(currentOutage()).toBeUndefined()
    answer = down
    await after(5_000)
    expect(currentOutage()?.since).toBe(since)
  })

  it('lasts while the answer about it does not come, and such a question is given up', async () => {
    await start(down)
    answer = 'silent'
    await after(5_000)
    expect(asked).toBe(2)
    await after(14_999)
    expect(asked).toBe(2)
    expect(currentOutage()?.part).toBe('database')
    answer = well
    await after(5_001)
    expect(asked).toBe(3)
    expect(currentOutage()).toBeUndefined()
  })

  it('is asked for no more once stopped', async () => {
    await start(down)
    stop()
    noteStatus(503)
    await after(300_000)
    expect(asked).toBe(1)
    expect(currentOutage()).toBeUndefined()
  })
})

describe('foundIn', () => {
  it('names the worst part that does not work', () => {
    const intake = { ok: false, reason: 'nothing is committed' }
    expect(foundIn({ checks: { intake, database: { ok: true } } })).toEqual({
      part: 'intake',
      reason: 'nothing is committed',
    })
    expect(foundIn({ checks: { intake, database: { ok: false } } })).toEqual({
      part: 'database',
      reason: undefined,
    })
  })

  it('passes over what only informs, and over answers of somebody else', () => {
    expect(foundIn(well)).toBe('well')
    for (const other of [undefined, null, 'Bad Gateway', {}, { checks: null }, { title: 'x' }]) {
      expect(foundIn(other)).toBe('unreached')
    }
  })

  it('cuts a long reason', () => {
    const found = foundIn({ checks: { database: { ok: false, reason: 'x'.repeat(5_000) } } })
    expect(found).toMatchObject({ reason: 'x'.repeat(300) })
  })
})
