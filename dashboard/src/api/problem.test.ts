import { describe, expect, it } from 'vitest'
import { OfflineError, ProblemError, problemOf, troubleOf } from './problem'

const INVALID = {
  type: 'urn:millwright:problem:invalid',
  title: 'Invalid',
  status: 422,
  detail: 'some fields break their rules',
  errors: [
    { field: 'name', message: 'is empty' },
    { field: 'condition.above', message: 'is not a number' },
  ],
}

describe('problemOf', () => {
  it('keeps what the platform says', () => {
    const error = problemOf(new Response(null, { status: 422 }), INVALID)
    expect(error.status).toBe(422)
    expect(error.message).toBe('some fields break their rules')
    expect(error.fields).toEqual({ name: 'is empty', 'condition.above': 'is not a number' })
    expect(error.retryAfterS).toBeUndefined()
  })

  it('makes a problem of an answer that is none, such as a proxy’s', () => {
    const response = new Response('<html>', { status: 502, statusText: 'Bad Gateway' })
    const error = problemOf(response, '<html>')
    expect(error.message).toBe('Bad Gateway')
    expect(error.fields).toEqual({})
    expect(problemOf(response, null).status).toBe(502)
  })

  it('reads how long to wait', () => {
    const after = (value: string) =>
      problemOf(new Response(null, { status: 429, headers: { 'retry-after': value } }), undefined)
    expect(after('30').retryAfterS).toBe(30)
    expect(after('soon').retryAfterS).toBeUndefined()
  })
})

describe('troubleOf', () => {
  it.each([
    [400, 'refused'],
    [403, 'forbidden'],
    [404, 'missing'],
    [409, 'refused'],
    [412, 'changed'],
    [422, 'refused'],
    [429, 'busy'],
    [500, 'broken'],
    [503, 'busy'],
  ])('%s is %s', (status, trouble) => {
    const problem = { type: 'about:blank', title: 'x', status }
    expect(troubleOf(new ProblemError(status, problem))).toBe(trouble)
  })

  it('tells an unreachable platform from broken code', () => {
    expect(troubleOf(new OfflineError())).toBe('offline')
    expect(troubleOf(new TypeError('x is undefined'))).toBe('broken')
    expect(troubleOf('x')).toBe('broken')
  })
})
