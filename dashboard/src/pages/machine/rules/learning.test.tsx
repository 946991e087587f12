// @vitest-environment jsdom
/** Whether rules that learn a machine still learn or watch, and how it is learned anew. */
import { fireEvent, screen, within } from '@testing-library/react'
import { beforeEach, expect, it, vi } from 'vitest'
import { signIn } from '../../../api/session'
import type { Machine, RuleLearning } from '../../../api/types'
import { atAddress, show } from '../../../testing/show'
import { Learning } from './Learning'

const ID = '01a21295-12ad-769f-a190-9dfb85f46d9f'
const AT = '2026-11-28T12:00:00Z'

const MACHINE: Machine = {
  ...{ id: ID, name: 'Mill 1', serial_number: '1', organization_id: ID, external_ids: {} },
  criticality: 'normal',
  state: 'commissioned',
  ...{ version: 1, created_at: AT, updated_at: AT, connection: { connected: true } },
}

const rule = (name: string, state: RuleLearning['state'], more: Partial<RuleLearning> = {}) =>
  ({
    ...{ rule_id: name, rule_name: name, state, seen: null, needed: null },
    ...{ learning_since: null, learning_until: null, watching_since: null },
    ...{ watching: 0, detectors: 1, missing: [], as_of: AT },
    ...more,
  }) satisfies RuleLearning

let items: RuleLearning[]
let isComplete: boolean
let isBroken: boolean
let permissions: string[]
let sent: string[]

function platform(input: Request | string): Promise<Response> {
  const request = new Request(input)
  const { pathname } = new URL(request.url)
  const say = (body: unknown, status = 200) => Promise.resolve(Response.json(body, { status }))
  if (pathname.endsWith('/auth/login')) return say({ access_token: 'a', expires_in: 900 })
  if (pathname.endsWith('/auth/me')) return say({ id: ID, name: 'Ada', permissions })
  if (pathname === `/api/v1/machines/${ID}/learning`) {
    if (isBroken) return say({ type: 'x', title: 'Broken', status: 500 }, 500)
    return say({ items, complete: isComplete })
  }
  if (pathname === `/api/v1/machines/${ID}/relearn`) {
    sent.push(request.method)
    items = items.map((each) => rule(each.rule_name, 'waiting', { as_of: null }))
    return Promise.resolve(new Response(null, { status: 204 }))
  }
  return say({ items: [] })
}

beforeEach(async () => {
  items = []
  ;[isComplete, isBroken] = [true, false]
  permissions = ['rules.read', 'rules.write']
  sent = []
  vi.stubGlobal('fetch', platform)
  await signIn('a@b.example', 'secret')
})

const page = () => atAddress(<Learning machine={MACHINE} />)
const rows = async (name: string) => {
  const list = await screen.findByRole('list', { name })
  return [...list.querySelectorAll('li')].map((row) => row.textContent)
}

it('says of each rule where it stands', async () => {
  items = [
    rule('Pump', 'learning', { seen: 100, needed: 400, learning_since: AT, learning_until: AT }),
    rule('Drive', 'watching', { watching: 1, watching_since: AT }),
    rule('Old', 'watching', { watching: 2, detectors: 3, missing: ['c'] }),
    rule('Load', 'waiting', { missing: ['load', 'axis'], as_of: null }),
    rule('Spare', 'disabled'),
  ]
  await show(page())
  const said = await rows('What rules learn of it')
  expect(said).toHaveLength(5)
  expect(said[0]).toMatch(/^LearningPump100 of 400 samples.*The first is of 28 Nov 2026.*at the/)
  expect(said[1]).toMatch(/^WatchingDriveIt watches the machine since 28 Nov 2026/)
  expect(said[2]).toMatch(/^WatchingOldIt watches the machine\. 2 of 3 signals .*come of: c/)
  expect(said[3]).toMatch(/^WaitingLoadNothing is learned yet.*come of: load, axis$/)
  expect(said[4]).toMatch(/^OffSpareIt is switched off/)
  const bar = screen.getByRole('progressbar', { name: '100 of 400 samples that it needs.' })
  expect(bar.getAttribute('aria-valuenow')).toBe('25')
  expect(screen.getByRole('link', { name: 'Pump' }).getAttribute('href')).toBe('/rules/Pump')
  expect(screen.queryByText('There are more than these.')).toBeNull()
})

it('asks before it is learned anew, and names the rules', async () => {
  items = [rule('Pump', 'watching'), rule('Spare', 'disabled')]
  isComplete = false
  await show(page())
  screen.getByText(/say nothing of the machine until/)
  await screen.findByText('There are more than these.')
  fireEvent.click(await screen.findByRole('button', { name: 'Learn anew' }))
  const dialog = within(await screen.findByRole('dialog', { name: 'Have Mill 1 learned anew?' }))
  await dialog.findByText('It is about: Pump.')
  expect(sent).toEqual([])
  fireEvent.click(dialog.getByRole('button', { name: 'Learn anew' }))
  await screen.findByText('Rules learn the machine anew.')
  expect(sent).toEqual(['POST'])
  // What is shown is asked for again.
  expect(await screen.findAllByText('Waiting')).toHaveLength(2)
})

it('says that nothing is learned, or that it can’t be had', async () => {
  const { unmount } = await show(page())
  await screen.findByText('No rule that you can see learns this machine.')
  // Rules of organizations above aren't told.
  expect(screen.queryByText('No rule learns this machine.')).toBeNull()
  unmount()
  isBroken = true
  await show(page())
  await screen.findByText('Something went wrong.')
})

it('speaks German, and offers nothing that one may not do', async () => {
  permissions = ['rules.read']
  items = [rule('Pumpe', 'learning', { seen: 3, needed: 150 })]
  await show(page(), 'de')
  const [said] = await rows('Was Regeln von ihr lernen')
  expect(said).toMatch(/^LerntPumpe3 von 150 Messwerten/)
  expect(screen.queryByRole('button', { name: 'Neu lernen' })).toBeNull()
})
