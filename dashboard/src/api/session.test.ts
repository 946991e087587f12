import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { OfflineError, ProblemError } from './problem'

type Session = typeof import('./session')

const HINT = 'millwright.session'
const TOKEN = { access_token: 'first', expires_in: 900 }

/** What the platform answers at a path: a status, an answer, or nothing at all. */
let answers: Record<string, number | object | undefined>
let asked: string[]
let kept: Map<string, string>
let reload: ReturnType<typeof vi.fn>
let session: Session
let changes: number

async function platform(url: string): Promise<Response> {
  const path = url.replace('/api/v1/auth/', '')
  asked.push(path)
  const answer = answers[path]
  if (answer === undefined) throw new TypeError('Failed to fetch')
  if (answer === 204) return new Response(null, { status: 204 })
  if (typeof answer !== 'number') return Response.json(answer)
  return Response.json({ type: 'about:blank', title: 'x', status: answer }, { status: answer })
}

beforeEach(async () => {
  kept = new Map()
  asked = []
  reload = vi.fn()
  vi.stubGlobal('fetch', platform)
  vi.stubGlobal('localStorage', {
    getItem: (key: string) => kept.get(key) ?? null,
    setItem: (key: string, value: string) => kept.set(key, value),
    removeItem: (key: string) => kept.delete(key),
  })
  vi.stubGlobal('navigator', {})
  vi.stubGlobal('window', Object.assign(new EventTarget(), { location: { reload } }))
  vi.useFakeTimers()
  // A tab of its own for each test.
  vi.resetModules()
  session = await import('./session')
  changes = 0
  session.onSessionChange(() => (changes += 1))
  session.followOtherTabs()
  answers = { login: TOKEN, refresh: { ...TOKEN, access_token: 'second' }, logout: 204 }
})
afterEach(() => {
  vi.useRealTimers()
  vi.unstubAllGlobals()
})

/** What the browser tells this tab of what another one did. */
function otherTab(value: string | null): void {
  if (value === null) kept.delete(HINT)
  else kept.set(HINT, value)
  const event = new Event('storage')
  window.dispatchEvent(Object.assign(event, { key: HINT, newValue: value }))
}

/** Later than the token's end. */
const later = () => vi.setSystemTime(Date.now() + 20 * 60_000)

describe('another tab', () => {
  beforeEach(() => session.signIn('a@b.example', 'secret'))

  it('that signs out signs this one out, without asking the platform', async () => {
    expect([session.isSignedIn(), changes]).toEqual([true, 1])
    otherTab(null)
    expect([session.isSignedIn(), changes]).toEqual([false, 2])
    expect(await session.accessToken()).toBeUndefined()
    expect(asked).toEqual(['login'])
  })

  it('in which somebody signs in again lets this one begin anew', () => {
    otherTab('another sign-in')
    expect(reload).toHaveBeenCalledOnce()
  })

  it('that keeps other things changes nothing here', () => {
    const event = Object.assign(new Event('storage'), {
      key: 'millwright.language',
      newValue: 'de',
    })
    window.dispatchEvent(event)
    expect([session.isSignedIn(), changes]).toEqual([true, 1])
    expect(reload).not.toHaveBeenCalled()
  })

  it('that signed out unnoticed is noticed at the next renewal', async () => {
    kept.delete(HINT)
    later()
    expect(await session.accessToken()).toBeUndefined()
    expect([session.isSignedIn(), changes]).toEqual([false, 2])
    expect(asked).toEqual(['login'])
  })

  it('leaves the sign-in page alone', () => {
    otherTab(null)
    otherTab('another sign-in')
    expect(reload).not.toHaveBeenCalled()
  })
})

describe('a renewal', () => {
  beforeEach(() => session.signIn('a@b.example', 'secret'))

  it.each([503, 500, 429, 502, undefined])(
    'that ends in %s doesn’t end the session',
    async (status) => {
      const good = answers.refresh
      answers.refresh = status
      later()
      await expect(session.accessToken()).rejects.toThrow()
      expect([session.isSignedIn(), session.mayResume(), changes]).toEqual([true, true, 1])
      answers.refresh = good
      expect(await session.accessToken()).toBe('second')
      expect(changes).toBe(1)
    },
  )

  it.each([401, 403])('that is refused with %s ends it', async (status) => {
    answers.refresh = status
    later()
    expect(await session.accessToken()).toBeUndefined()
    expect([session.isSignedIn(), session.mayResume(), changes]).toEqual([false, false, 2])
  })

  it('is asked for once, however many wait for it', async () => {
    later()
    const all = await Promise.all([1, 2, 3].map(() => session.accessToken()))
    expect(all).toEqual(['second', 'second', 'second'])
    expect(asked).toEqual(['login', 'refresh'])
  })
})

describe('a sign-out', () => {
  beforeEach(() => session.signIn('a@b.example', 'secret'))

  it('ends the session here and there', async () => {
    await session.signOut()
    expect(asked).toEqual(['login', 'logout'])
    expect([session.isSignedIn(), session.mayResume(), changes]).toEqual([false, false, 2])
  })

  it('that isn’t reached says so, and ends nothing', async () => {
    answers.logout = undefined
    // The class of this tab, not of the test's.
    await expect(session.signOut()).rejects.toMatchObject({ name: OfflineError.name })
    expect([session.isSignedIn(), session.mayResume(), changes]).toEqual([true, true, 1])
  })

  it('that the platform can’t do now says so, and ends nothing', async () => {
    answers.logout = 503
    await expect(session.signOut()).rejects.toMatchObject({ name: ProblemError.name, status: 503 })
    expect(session.isSignedIn()).toBe(true)
  })
})
