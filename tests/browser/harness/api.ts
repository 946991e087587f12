/** A client of the REST API, for what a test needs to be there before it begins. */
import { randomUUID } from 'node:crypto'
import { present } from './wait'

export interface Item {
  id: string
  [name: string]: unknown
}

export const ADMIN = { email: 'admin@localhost', password: 'a password for the tests' }

/** A session as a browser has it. */
export interface BrowserSession {
  token: string
  cookie: { name: string; value: string; path: string }
}

/** Signs in. */
export async function signIn(url: string, who = ADMIN): Promise<BrowserSession> {
  const response = await fetch(`${url}/api/v1/auth/login`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ email: who.email, password: who.password }),
  })
  if (!response.ok) throw new Error(`sign-in: ${response.status} ${await response.text()}`)
  const { access_token } = (await response.json()) as { access_token: string }
  const [pair = '', ...attributes] = present(response.headers.getSetCookie()[0], 'cookie').split(
    /;\s*/,
  )
  const path = attributes.find((attribute) => /^path=/i.test(attribute))?.slice(5) ?? '/'
  const [name = '', value = ''] = pair.split('=', 2)
  return { token: access_token, cookie: { name, value, path } }
}

export class Api {
  readonly #base: string
  readonly #token: string

  private constructor(url: string, token: string) {
    this.#base = `${url}/api/v1`
    this.#token = token
  }

  static async signedIn(url: string, who = ADMIN): Promise<Api> {
    return new Api(url, (await signIn(url, who)).token)
  }

  get(path: string): Promise<Item> {
    return this.#send('GET', path)
  }

  post(path: string, body: unknown = {}): Promise<Item> {
    return this.#send('POST', path, body)
  }

  /** The first items of a list. */
  async items(path: string): Promise<Item[]> {
    return (await this.get(path)).items as Item[]
  }

  async createMachine(name: string, more: Record<string, unknown> = {}): Promise<string> {
    return (await this.post('/machines', { name, serial_number: name, ...more })).id
  }

  async enrollmentCode(machine: string): Promise<string> {
    return (await this.post(`/machines/${machine}/enrollment-codes`)).code as string
  }

  async #send(method: string, path: string, body?: unknown): Promise<Item> {
    const headers: Record<string, string> = { authorization: `Bearer ${this.#token}` }
    if (body !== undefined) headers['content-type'] = 'application/json'
    if (method === 'POST') headers['idempotency-key'] = randomUUID()
    const response = await fetch(`${this.#base}${path}`, {
      method,
      headers,
      body: body === undefined ? undefined : JSON.stringify(body),
    })
    const text = await response.text()
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`)
    return (text === '' ? {} : JSON.parse(text)) as Item
  }
}
