import { describe, expect, it } from 'vitest'
import { filterOf, NOTHING_ASKED, pageOf, queryOf, viewOf } from './filter'

describe('the filter', () => {
  it('comes back from the URL', () => {
    const url = 'actor=u&action=machine.&subject=s&from=2026-11-01&to=2026-11-25'
    expect(queryOf(viewOf(new URLSearchParams(url))).toString()).toBe(url)
  })

  it('asks for whole days of the reader’s zone', () => {
    const filter = filterOf({ ...NOTHING_ASKED, from: '2026-11-24', to: '2026-11-24' })
    expect(filter).toEqual({
      from: new Date(2026, 10, 24).toISOString(),
      to: new Date(2026, 10, 25).toISOString(),
    })
  })

  it('leaves out what isn’t asked, and nonsense', () => {
    expect(filterOf({ ...NOTHING_ASKED, action: 'rule.', from: 'soon' })).toEqual({
      action: 'rule.',
    })
  })
})

it('subjects have a page where there is one', () => {
  expect(pageOf({ kind: 'ticket', id: 't' })).toBe('/tickets/t')
  expect(pageOf({ kind: 'session', id: 's' })).toBeUndefined()
})
