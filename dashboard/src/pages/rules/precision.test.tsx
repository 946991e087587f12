// @vitest-environment jsdom
/** How good a rule is: of all its alarms, and of each version's. */
import { screen, within } from '@testing-library/react'
import { beforeEach, expect, it, vi } from 'vitest'
import { signIn } from '../../api/session'
import type { RulePrecision } from '../../api/types'
import { show } from '../../testing/show'
import { Precision } from './Precision'

const ID = '01a21295-12ad-769f-a190-9dfb85f46d9f'
const AT = '2026-11-28T12:00:00Z'

const none = { alarms: 0, real: 0, nuisance: 0, expected: 0 }
let answer: () => Response

function platform(input: Request | string): Promise<Response> {
  const { pathname } = new URL(new Request(input).url)
  if (pathname.endsWith('/auth/login')) {
    return Promise.resolve(Response.json({ access_token: 'a', expires_in: 900 }))
  }
  return Promise.resolve(
    pathname === `/api/v1/rules/${ID}/precision` ? answer() : Response.json({ items: [] }),
  )
}

const tell = (precision: Partial<RulePrecision>) => {
  const whole = { rule_id: ID, from: AT, to: AT, ...none, versions: [], ...precision }
  answer = () => Response.json(whole satisfies RulePrecision)
}

beforeEach(async () => {
  tell({})
  vi.stubGlobal('fetch', platform)
  await signIn('a@b.example', 'secret')
})

it('is told by version too, the newest first', async () => {
  const versions = [
    { version: 3, ...none, alarms: 1 },
    { version: 1, alarms: 7, real: 1, nuisance: 3, expected: 2, precision: 0.25 },
    { version: 2, alarms: 4, real: 3, nuisance: 1, expected: 0, precision: 0.75 },
  ]
  tell({ alarms: 12, real: 4, nuisance: 4, expected: 2, precision: 0.5, versions })
  await show(<Precision ruleId={ID} />)
  await screen.findByText('Precision 50 %')
  screen.getByText('12 alarms: 4 real, 4 nuisance, 2 expected.')
  const table = within(screen.getByRole('table', { name: 'By version of the rule' }))
  const rows = table.getAllByRole('row').map((row) => [...row.children].map((c) => c.textContent))
  expect(rows).toEqual([
    ['Version', 'Precision', 'Alarms', 'Real', 'Nuisance', 'Expected'],
    ['3', '–', '1', '0', '0', '0'],
    ['2', '75\u00a0%', '4', '3', '1', '0'],
    ['1', '25\u00a0%', '7', '1', '3', '2'],
  ])
})

it('has no versions where there are no alarms', async () => {
  await show(<Precision ruleId={ID} />)
  await screen.findByText('Nobody has said yet what its alarms were worth.')
  expect(screen.queryByRole('table')).toBeNull()
})

it('isn’t known where all that was said is that alarms were expected', async () => {
  tell({ alarms: 3, expected: 3, precision: null })
  const { unmount } = await show(<Precision ruleId={ID} />)
  await screen.findByText('No alarm was called real or a nuisance so far.')
  screen.getByText('3 alarms: 0 real, 0 nuisance, 3 expected.')
  expect(screen.queryByText(/^Nobody has said/)).toBeNull()
  unmount()
  await show(<Precision ruleId={ID} />, 'de')
  await screen.findByText('Bisher wurde kein Alarm echt oder lästig genannt.')
})

it('says that it can’t be had, and speaks German', async () => {
  answer = () => Response.json({ type: 'x', title: 'Broken', status: 500 }, { status: 500 })
  const { unmount } = await show(<Precision ruleId={ID} />)
  await screen.findByText('Something went wrong.')
  unmount()
  tell({ alarms: 1, versions: [{ version: 1, ...none, alarms: 1 }] })
  await show(<Precision ruleId={ID} />, 'de')
  await screen.findByRole('table', { name: 'Nach Version der Regel' })
})
