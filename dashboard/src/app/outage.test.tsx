// @vitest-environment jsdom
import { act, screen } from '@testing-library/react'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { client, take } from '../api/client'
import { setContact } from '../api/contact'
import { followReadiness } from '../api/readiness'
import { signIn } from '../api/session'
import { OutageNotice } from '../components/OutageNotice'
import { useTroubleText } from '../components/trouble'
import { show } from '../testing/show'
import { ContactBanner } from './ContactBanner'

let isDown: boolean
let stop: () => void
let failure: unknown

const unavailable = {
  type: 'urn:millwright:problem:unavailable',
  title: 'Not available',
  status: 503,
}

async function platform(input: Request | string): Promise<Response> {
  const path = typeof input === 'string' ? input : new URL(input.url).pathname
  const status = isDown ? 503 : 200
  if (path === '/readyz') {
    const database = isDown ? { ok: false, reason: 'connection refused' } : { ok: true }
    return Response.json({ ready: !isDown, checks: { database } }, { status })
  }
  if (path.endsWith('/auth/login')) return Response.json({ access_token: 'a', expires_in: 900 })
  return Response.json(isDown ? unavailable : { items: [] }, { status })
}

function Notices() {
  const text = useTroubleText()
  return (
    <>
      <OutageNotice />
      <ContactBanner />
      <p data-testid="failure">{failure !== undefined && text(failure)}</p>
    </>
  )
}

const after = (ms: number) => act(() => vi.advanceTimersByTimeAsync(ms))

beforeEach(() => {
  vi.useFakeTimers({
    now: new Date(2026, 10, 28, 13, 5, 9),
    toFake: ['setTimeout', 'clearTimeout', 'Date'],
  })
  vi.stubGlobal('fetch', platform)
  isDown = false
  failure = undefined
  stop = followReadiness()
})
afterEach(() => {
  stop()
  setContact('connecting', undefined)
  vi.useRealTimers()
  vi.unstubAllGlobals()
})

describe('a database that does not answer', () => {
  it.each([
    [
      'en',
      /The platform's database hasn't answered since 28 Nov 2026, 13:05:10\./,
      /send it again/,
    ],
    [
      'de',
      /Die Datenbank der Plattform antwortet seit 28\.11\.2026, 13:05:10 nicht/,
      /noch einmal/,
    ],
  ] as const)('is told of for as long as it lasts (%s)', async (language, title, machines) => {
    await signIn('a@b.example', 'secret')
    await show(<Notices />, language)
    await after(0)
    expect(screen.queryByTestId('outage')).toBeNull()

    isDown = true
    const refused = take(client.GET('/api/v1/sites'))
    failure = await refused.catch((error: unknown) => error)
    await after(1_000)
    screen.getByText(title)
    screen.getByText(machines)
    screen.getByText(/connection refused/)

    isDown = false
    await after(5_000)
    expect(screen.queryByTestId('outage')).toBeNull()
  })

  it('is told of instead of a lost connection, and says why a request failed', async () => {
    await signIn('a@b.example', 'secret')
    setContact('lost', Date.now())
    const { again } = await show(<Notices />)
    await after(0)
    screen.getByTestId('data-is-old')

    isDown = true
    const refused = take(client.GET('/api/v1/sites'))
    failure = await refused.catch((error: unknown) => error)
    again(<Notices />)
    expect(screen.getByTestId('failure').textContent).toBe(
      'The platform is busy. Try again in a moment.',
    )
    await after(1_000)
    expect(screen.queryByTestId('data-is-old')).toBeNull()
    expect(screen.getByTestId('failure').textContent).toBe(
      "The platform's database doesn't answer.",
    )
  })
})
