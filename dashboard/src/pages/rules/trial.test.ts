// @vitest-environment jsdom
/** The preview's backtest: begun late, followed, canceled when it isn't wanted any more. */
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { ProblemError } from '../../api/problem'
import { signIn } from '../../api/session'
import type { Backtest, BacktestInput, BacktestState } from '../../api/types'
import { type Trial, tryOut } from './trial'

const INPUT: BacktestInput = {
  name: 'Preview',
  machine_id: 'm',
  severity: 'major',
  condition: { kind: 'threshold', signal: 't', above: 80 },
}
const PACE = { quietMs: 20, followMs: 2 }

const backtest = (state: BacktestState, progress = 0) =>
  ({ id: 'b', state, progress }) as Partial<Backtest> as Backtest
const began = () => Response.json(backtest('queued'), { status: 202 })
const succeeded = () => Response.json(backtest('succeeded', 1))

/** What was asked of the platform, and what it answers to each. */
let asked: string[]
let create: () => Promise<Response> | Response
let look: () => Promise<Response> | Response

async function platform(input: Request | string): Promise<Response> {
  const request = new Request(input)
  const { pathname } = new URL(request.url)
  if (pathname.endsWith('/auth/login')) {
    return Response.json({ access_token: 'a', expires_in: 900 })
  }
  const path = pathname.replace('/api/v1/rules/', '')
  asked.push(`${request.method} ${path}`)
  if (path === 'backtest') return create()
  if (path === 'backtests/b/cancel') return Response.json(backtest('canceled'))
  return look()
}

beforeEach(async () => {
  asked = []
  create = began
  look = succeeded
  vi.stubGlobal('fetch', platform)
  await signIn('a@b.example', 'secret')
})

function begin(): { told: Trial[]; stop: () => void; until: (state: string) => Promise<Trial> } {
  const told: Trial[] = []
  const stop = tryOut(INPUT, (trial) => told.push(trial), PACE)
  const until = (state: string) =>
    vi.waitFor(() => {
      const last = told.at(-1)
      if (last?.state !== state) throw new Error(`${last?.state}, not ${state}`)
      return last
    })
  return { told, stop, until }
}
const count = (what: string) => asked.filter((each) => each === what).length

describe('a trial', () => {
  it('is followed to its end', async () => {
    const running = backtest('running', 0.5)
    look = () => {
      look = succeeded
      return Response.json(running)
    }
    const { told, until } = begin()
    expect(asked).toEqual([])
    await until('ended')
    expect(told).toEqual([
      { state: 'running', backtest: undefined },
      { state: 'running', backtest: backtest('queued') },
      { state: 'running', backtest: running },
      { state: 'ended', backtest: backtest('succeeded', 1) },
    ])
    expect(asked).toEqual(['POST backtest', 'GET backtests/b', 'GET backtests/b'])
  })

  it('begins only after the last of several changes', async () => {
    const first = begin()
    first.stop()
    const second = begin()
    second.stop()
    await begin().until('ended')
    expect(count('POST backtest')).toBe(1)
    expect([...first.told, ...second.told]).toEqual([])
  })

  it('that is stopped while it runs is canceled, and says nothing more', async () => {
    look = () => Response.json(backtest('running', 0.5))
    const { told, stop } = begin()
    await vi.waitFor(() => expect(count('GET backtests/b')).toBeGreaterThan(0))
    stop()
    const before = told.length
    await vi.waitFor(() => expect(asked.at(-1)).toBe('POST backtests/b/cancel'))
    expect(told).toHaveLength(before)
  })

  it('that is stopped while it is begun is canceled once its id is known', async () => {
    let answer: (response: Response) => void = () => undefined
    create = () => new Promise((resolve) => (answer = resolve))
    const { told, stop } = begin()
    await vi.waitFor(() => expect(count('POST backtest')).toBe(1))
    stop()
    answer(began())
    await vi.waitFor(() => expect(asked).toEqual(['POST backtest', 'POST backtests/b/cancel']))
    expect(told).toEqual([{ state: 'running', backtest: undefined }])
  })

  it('that has ended isn’t canceled', async () => {
    create = () => Response.json(backtest('failed'), { status: 202 })
    const { stop, until } = begin()
    await until('ended')
    stop()
    await begin().until('ended')
    expect(asked).toEqual(['POST backtest', 'POST backtest'])
  })

  it('that is refused says at which field', async () => {
    const errors = [{ field: 'condition.above', message: 'give above or below' }]
    const problem = { type: 'about:blank', title: 'Invalid', status: 422, errors }
    create = () => Response.json(problem, { status: 422 })
    const last = await begin().until('failed')
    const error = last.state === 'failed' ? last.error : undefined
    expect(error).toBeInstanceOf(ProblemError)
    expect((error as ProblemError).fields).toEqual({ 'condition.above': 'give above or below' })
  })

  it('outlives a moment without the platform', async () => {
    let failures = 3
    look = () => {
      failures -= 1
      return failures < 0 ? succeeded() : Promise.reject(new TypeError('no network'))
    }
    await begin().until('ended')
    expect(count('GET backtests/b')).toBe(4)
  })

  it('is given up when the platform stays away', async () => {
    look = () => Promise.reject(new TypeError('no network'))
    await begin().until('failed')
    expect(count('GET backtests/b')).toBe(10)
    expect(count('POST backtests/b/cancel')).toBe(0)
  })
})
