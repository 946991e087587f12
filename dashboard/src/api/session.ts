/**
 * Who is signed in. The access token lives in memory only; the refresh cookie is the browser's and
 * no script can read it.
 */
import { OfflineError, ProblemError, problemOf } from './problem'
import { noteStatus } from './readiness'

/**
 * Remembers that there may be a refresh cookie, so that a first visit asks for nothing. Its value is
 * new with each sign-in, by which other tabs see that somebody else has signed in.
 */
const HINT = 'millwright.session'
/** Renewed so long before its end. */
const EARLY_MS = 60_000

let token: { value: string; endsAt: number } | undefined
let renewal: Promise<boolean> | undefined
const listeners = new Set<() => void>()

/** Called when somebody signs in or out, in this tab. */
export function onSessionChange(listener: () => void): () => void {
  listeners.add(listener)
  return () => listeners.delete(listener)
}

export function isSignedIn(): boolean {
  return token !== undefined
}

/** Whether a session may go on from an earlier visit. */
export function mayResume(): boolean {
  return localStorage.getItem(HINT) !== null
}

export async function signIn(email: string, password: string): Promise<void> {
  const body = JSON.stringify({ email, password })
  const answer = await post('/auth/login', body)
  localStorage.setItem(HINT, crypto.getRandomValues(new Uint32Array(2)).join('-'))
  accept(answer)
}

/** Ends the session on the platform and here; when the platform isn't reached, neither. */
export async function signOut(): Promise<void> {
  await post('/auth/logout')
  end()
}

/** A token that still holds; undefined when nobody is signed in any more. */
export async function accessToken(): Promise<string | undefined> {
  if (token && token.endsAt - EARLY_MS > Date.now()) return token.value
  if (!(await renew())) return undefined
  return token?.value
}

/** Gets a new access token with the refresh cookie, once at a time over all tabs. */
export function renew(): Promise<boolean> {
  renewal ??= locked(refresh).finally(() => (renewal = undefined))
  return renewal
}

async function refresh(): Promise<boolean> {
  if (!mayResume()) {
    if (token) end()
    return false
  }
  try {
    accept(await post('/auth/refresh'))
    return true
  } catch (error) {
    // Only a refusal ends the session; a platform that is busy or restarts is asked again.
    const isRefused = error instanceof ProblemError && [401, 403].includes(error.status)
    if (!isRefused) throw error
    end()
    return false
  }
}

function locked<T>(work: () => Promise<T>): Promise<T> {
  // Locks exist only where the page came over HTTPS or from this computer.
  const locks = (navigator as Partial<Navigator>).locks
  return locks ? (locks.request('millwright-session', work) as Promise<T>) : work()
}

async function post(path: string, body?: string): Promise<unknown> {
  const headers = body ? { 'content-type': 'application/json' } : undefined
  let response: Response
  try {
    response = await fetch(`/api/v1${path}`, { method: 'POST', body, headers })
  } catch (error) {
    throw new OfflineError(error)
  }
  noteStatus(response.status)
  if (response.status === 204) return undefined
  const answer: unknown = await response.json().catch(() => undefined)
  if (!response.ok) throw problemOf(response, answer)
  return answer
}

function accept(answer: unknown): void {
  const { access_token, expires_in } = answer as { access_token: string; expires_in: number }
  const wasSignedIn = token !== undefined
  token = { value: access_token, endsAt: Date.now() + expires_in * 1000 }
  if (!wasSignedIn) listeners.forEach((listener) => listener())
}

function end(): void {
  token = undefined
  localStorage.removeItem(HINT)
  listeners.forEach((listener) => listener())
}

/** Signed out in one tab is signed out in all; after another sign-in all begin anew. Called once. */
export function followOtherTabs(): void {
  window.addEventListener('storage', ({ key, newValue }) => {
    if (key !== HINT || !token) return
    if (newValue === null) end()
    else window.location.reload()
  })
}
