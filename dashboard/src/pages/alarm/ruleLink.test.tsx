// @vitest-environment jsdom
/** The way from an alarm to its rule: only where there is something at its end. */
import { screen, waitFor } from '@testing-library/react'
import { beforeEach, expect, it, vi } from 'vitest'
import { signIn } from '../../api/session'
import type { Alarm } from '../../api/types'
import { AlarmRows } from '../../components/alarms/AlarmRows'
import { atAddress, show } from '../../testing/show'
import { AlarmPage } from './AlarmPage'

const ID = '01a21295-12ad-769f-a190-9dfb85f46d9f'
const AT = '2026-11-28T12:00:00Z'

const alarmOf = (more: Partial<Alarm>): Alarm => ({
  ...{ id: ID, organization_id: ID, machine_id: ID, machine_name: 'Mill 1', version: 1, count: 1 },
  ...{ code: ID, source: '', rule_id: ID, rule_name: 'Too hot' },
  origin: 'rule',
  severity: 'major',
  ...{ active: true, acknowledged: false, out_of_service: false, message: 'It is hot' },
  ...{ raised_at: AT, received_at: AT, changed_at: AT, context: {} },
  ...more,
})

let alarm: Alarm
/** What asking for the rule is answered with. */
let rule: () => Response
let rulesAsked: number

function platform(input: Request | string): Promise<Response> {
  const { pathname } = new URL(new Request(input).url)
  const path = pathname.replace('/api/v1', '')
  const say = (body: unknown) => Promise.resolve(Response.json(body))
  if (path === '/auth/login') return say({ access_token: 'a', expires_in: 900 })
  if (path === '/auth/me') return say({ id: ID, name: 'Ada', permissions: ['alarms.read'] })
  if (path === `/alarms/${ID}`) return say(alarm)
  if (path === `/rules/${ID}`) {
    rulesAsked += 1
    return Promise.resolve(rule())
  }
  return say({ items: [] })
}

const notFound = () =>
  Response.json({ type: 'x', title: 'Not found', status: 404 }, { status: 404 })

beforeEach(async () => {
  alarm = alarmOf({})
  rule = () => Response.json({ id: ID, name: 'Too hot' })
  rulesAsked = 0
  vi.stubGlobal('fetch', platform)
  await signIn('a@b.example', 'secret')
})

const page = () => atAddress(<AlarmPage />, `/alarms/${ID}`, '/alarms/:id')
const list = () => atAddress(<AlarmRows alarms={[alarm]} showMachine={false} />)
/** Addresses of rules to which something leads. */
const ways = () =>
  screen
    .queryAllByRole('link')
    .map((link) => link.getAttribute('href') ?? '')
    .filter((address) => address.startsWith('/rules/'))

it('is there when the rule is', async () => {
  const { unmount } = await show(page())
  await screen.findByText('Rule “Too hot”')
  await waitFor(() => expect(rulesAsked).toBe(1))
  expect(ways()).toEqual([`/rules/${ID}`])
  unmount()
  await show(list())
  expect(ways()).toEqual([`/rules/${ID}`])
})

it('isn’t there when the reader may not see the rule', async () => {
  alarm = alarmOf({ rule_name: null })
  rule = notFound
  const { unmount } = await show(page())
  await screen.findByRole('heading', { level: 1, name: 'It is hot' })
  screen.getByText("A rule's limit is passed")
  expect(ways()).toEqual([])
  expect(rulesAsked).toBe(0)
  unmount()
  await show(list())
  screen.getByText("A rule's limit is passed")
  expect(ways()).toEqual([])
})

it('isn’t there when the rule was deleted', async () => {
  rule = notFound
  const { unmount } = await show(page())
  await screen.findByText('Rule “Too hot” (deleted)')
  expect(ways()).toEqual([])
  unmount()
  alarm = alarmOf({ active: false, cleared_at: AT, clear_reason: 'rule_deleted' })
  await show(list())
  screen.getByText('Rule “Too hot”')
  expect(ways()).toEqual([])
})
