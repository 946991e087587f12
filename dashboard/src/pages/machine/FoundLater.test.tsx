// @vitest-environment jsdom
/** What late samples have shown: listed with its reason, or that there is nothing. */
import { screen } from '@testing-library/react'
import { beforeEach, expect, it, vi } from 'vitest'
import { signIn } from '../../api/session'
import type { AlarmRevision } from '../../api/types'
import { atAddress, show } from '../../testing/show'
import { FoundLater } from './FoundLater'

const ID = '01a21295-12ad-769f-a190-9dfb85f46d9f'

const revision = (id: string, changes: Partial<AlarmRevision>) =>
  ({
    id,
    organization_id: ID,
    machine_id: ID,
    rule_id: ID,
    rule_version: 1,
    rule_name: 'Too hot',
    kind: 'missed',
    from: '2026-11-25T12:00:00Z',
    to: '2026-11-25T12:05:00Z',
    severity: 'major',
    message: 't above 80',
    context: {},
    alarm_id: null,
    found_at: '2026-11-26T12:00:00Z',
    ...changes,
  }) satisfies AlarmRevision

let items: AlarmRevision[]

function platform(input: Request | string): Promise<Response> {
  const { pathname } = new URL(new Request(input).url)
  if (pathname.endsWith('/auth/login')) {
    return Promise.resolve(Response.json({ access_token: 'a', expires_in: 900 }))
  }
  if (pathname === `/api/v1/machines/${ID}/revisions`) {
    return Promise.resolve(Response.json({ items, next_cursor: null }))
  }
  return Promise.resolve(Response.json({ items: [] }))
}

beforeEach(async () => {
  items = []
  vi.stubGlobal('fetch', platform)
  await signIn('a@b.example', 'secret')
})

const page = () => atAddress(<FoundLater machineId={ID} />)

it('says that there is nothing', async () => {
  await show(page())
  expect(await screen.findByText(/late samples have shown no other alarms/)).toBeTruthy()
})

it('lists what was missed, what was unfounded, and what nobody knows', async () => {
  items = [
    revision('1', {}),
    revision('2', { kind: 'unfounded', to: null, alarm_id: ID }),
    revision('3', {
      kind: 'not_evaluated',
      rule_id: null,
      rule_name: undefined,
      severity: null,
      message: 'too many values',
    }),
  ]
  await show(page())
  const list = await screen.findByRole('list', { name: 'Found later' })
  const rows = [...list.querySelectorAll('li')].map((row) => row.textContent)
  expect(rows).toHaveLength(3)
  expect(rows[0]).toMatch(
    /Possibly missed.*t above 80.*Too hot.*in version 1.*would have been raised/,
  )
  expect(rows[1]).toMatch(
    /Possibly unfounded.*Since.*as it was when this was found.*would not have been raised/,
  )
  expect(rows[2]).toMatch(/Not looked at.*too many values/)
  const alarm = screen.getByRole('link', { name: 'To the alarm' })
  expect(alarm.getAttribute('href')).toBe(`/alarms/${ID}`)
})

it('speaks German', async () => {
  const told = { message_key: 'condition', signal: 't', side: 'above', value: 81, limit: 80 }
  items = [revision('1', { context: told as object as AlarmRevision['context'] })]
  await show(page(), 'de')
  expect(await screen.findByRole('list', { name: 'Später gefunden' })).toBeTruthy()
  expect(screen.getByText('Vielleicht verpasst')).toBeTruthy()
  expect(screen.getByText('t war 81, über der Grenze von 80')).toBeTruthy()
})
