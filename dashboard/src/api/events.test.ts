import { describe, expect, it } from 'vitest'
import { touchedBy } from './events'
import type { DomainEvent } from './types'

function event(type: string): DomainEvent {
  return {
    position: 1,
    id: '01a21295-12ad-769f-a190-9dfb85f46d9f',
    type,
    subject: { kind: 'machine', id: '01a21295-12ad-769f-a190-9dfb85f46d9f' },
    actor: { kind: 'platform' },
    data: {},
    occurred_at: '2026-11-25T12:00:00Z',
    organization_id: '01a21295-1202-721a-937e-525408288abc',
  }
}

describe('touchedBy', () => {
  it.each([
    ['alarm.raised', ['alarms', 'machines']],
    ['ticket.moved', ['tickets']],
    ['command.progress', ['commands']],
    ['machine.connected', ['machines']],
    ['rule.updated', ['rules']],
    ['site.created', ['organizations']],
    ['organization.updated', ['organizations']],
    ['user.created', ['people']],
  ])('%s', (type, keys) => {
    expect(touchedBy(event(type))).toEqual(keys)
  })

  it('knows nothing of what isn’t shown', () => {
    expect(touchedBy(event('trust.rotated'))).toEqual([])
    expect(touchedBy(event(''))).toEqual([])
  })
})
