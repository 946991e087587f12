/** Requests to the platform: one client, which adds the token and turns refusals into errors. */
import createClient, { type Middleware } from 'openapi-fetch'
import { OfflineError, ProblemError, problemOf } from './problem'
import { noteStatus } from './readiness'
import type { paths } from './schema'
import { accessToken, renew } from './session'

const authentication: Middleware = {
  async onRequest({ request }) {
    const token = await accessToken()
    if (token) request.headers.set('authorization', `Bearer ${token}`)
    return request
  },
}

/** `fetch` that says by its error that nothing was reached, and renews a token that has ended. */
async function send(request: Request): Promise<Response> {
  const again = request.clone()
  try {
    const response = await fetch(request)
    noteStatus(response.status)
    if (response.status !== 401 || !(await renew())) return response
    again.headers.set('authorization', `Bearer ${(await accessToken()) ?? ''}`)
    return await fetch(again)
  } catch (error) {
    if (error instanceof DOMException && error.name === 'AbortError') throw error
    throw error instanceof ProblemError ? error : new OfflineError(error)
  }
}

export const client = createClient<paths>({ baseUrl: '', fetch: send })
client.use(authentication)

interface Answer<T> {
  data?: T
  error?: unknown
  response: Response
}

/** The answer's body, or its problem thrown. */
export async function take<T>(answer: Promise<Answer<T>>): Promise<T> {
  const { data, error, response } = await answer
  if (!response.ok) throw problemOf(response, error)
  return data as T
}

/** For `If-Match`: the version that was read. */
export function ifMatch(of: { version: number }): { 'If-Match': string } {
  return { 'If-Match': `"${of.version}"` }
}

/** For `Idempotency-Key`: a repeat of the same click does nothing twice. */
export function newKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16))
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
}

/** Whether the platform answers. */
export async function isReached(): Promise<boolean> {
  return fetch('/healthz', { cache: 'no-store' }).then(
    (response) => response.ok,
    () => false,
  )
}
