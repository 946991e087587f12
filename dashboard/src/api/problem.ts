import type { components } from './schema'

type Problem = components['schemas']['Problem']

/** The platform refused: a problem after RFC 9457. */
export class ProblemError extends Error {
  readonly status: number
  readonly problem: Problem
  /** Seconds to wait before another try, when the platform says so. */
  readonly retryAfterS: number | undefined

  constructor(status: number, problem: Problem, retryAfterS?: number) {
    super(problem.detail ?? problem.title)
    this.name = 'ProblemError'
    this.status = status
    this.problem = problem
    this.retryAfterS = retryAfterS
  }

  /** Texts for the fields of a form, by field. */
  get fields(): Record<string, string> {
    return Object.fromEntries((this.problem.errors ?? []).map((e) => [e.field, e.message]))
  }
}

/** The platform can't be reached. */
export class OfflineError extends Error {
  constructor(cause?: unknown) {
    super('the platform cannot be reached', { cause })
    this.name = 'OfflineError'
  }
}

/** What kind of trouble an error is, for the page that shows it. */
export type Trouble =
  'offline' | 'forbidden' | 'missing' | 'changed' | 'busy' | 'refused' | 'broken'

export function troubleOf(error: unknown): Trouble {
  if (error instanceof OfflineError) return 'offline'
  if (!(error instanceof ProblemError)) return 'broken'
  switch (error.status) {
    case 403:
      return 'forbidden'
    case 404:
      return 'missing'
    case 412:
      return 'changed'
    case 429:
    case 503:
      return 'busy'
    case 400:
    case 409:
    case 422:
      return 'refused'
    default:
      return 'broken'
  }
}

/** The problem of an answer that isn't a success. */
export function problemOf(response: Response, body: unknown): ProblemError {
  const after = Number(response.headers.get('retry-after') ?? undefined)
  const problem: Problem =
    typeof body === 'object' && body !== null && 'title' in body
      ? (body as Problem)
      : { type: 'about:blank', title: response.statusText, status: response.status }
  return new ProblemError(response.status, problem, Number.isFinite(after) ? after : undefined)
}
