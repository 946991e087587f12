// @vitest-environment jsdom
/** Texts of a condition that can't be: told at their field, before the platform is asked. */
import { fireEvent, screen } from '@testing-library/react'
import { beforeEach, expect, it, vi } from 'vitest'
import { signIn } from '../../api/session'
import type { Rule } from '../../api/types'
import { atAddress, show } from '../../testing/show'
import { RuleEditorPage } from './RuleEditorPage'

const ID = '01a21295-12ad-769f-a190-9dfb85f46d9f'
const AT = '2026-11-28T12:00:00Z'

let condition: Rule['condition']
/** What was sent to be saved. */
let saved: unknown[]

async function platform(input: Request | string): Promise<Response> {
  const request = new Request(input)
  const { pathname } = new URL(request.url)
  if (pathname.endsWith('/auth/login')) {
    return Response.json({ access_token: 'a', expires_in: 900 })
  }
  if (pathname.endsWith('/auth/me')) {
    return Response.json({ id: ID, name: 'Ada', permissions: ['rules.read', 'rules.write'] })
  }
  if (pathname === `/api/v1/rules/${ID}`) {
    if (request.method === 'PUT') saved.push(await request.json())
    const rule: Rule = {
      ...{ id: ID, organization_id: ID, name: 'Too hot', machine_id: ID, condition },
      ...{ enabled: true, version: 3, created_at: AT, updated_at: AT },
      severity: 'major',
    }
    return Response.json(rule)
  }
  if (pathname === `/api/v1/machines/${ID}`) {
    return Response.json({ id: ID, name: 'Mill 1', serial_number: '1', version: 1 })
  }
  return Response.json({ items: [] })
}

beforeEach(async () => {
  saved = []
  vi.stubGlobal('fetch', platform)
  await signIn('a@b.example', 'secret')
})

const page = () => atAddress(<RuleEditorPage />, `/rules/${ID}`, '/rules/:id')
const field = (name: RegExp) => screen.findByRole('textbox', { name })
const type = (into: HTMLElement, value: string) => {
  fireEvent.change(into, { target: { value } })
  fireEvent.blur(into)
}
const save = async (name: string) => fireEvent.click(await screen.findByRole('button', { name }))

it('a time is told when its field is left, and keeps the rule from being saved', async () => {
  condition = { kind: 'schedule', from: '06:00', to: '14:00' }
  await show(page())
  const from = await field(/^From/)
  type(from, '8:00')
  await screen.findByText("8:00 isn't a time of the day such as 08:00, from 00:00 to 24:00.")
  expect(from.getAttribute('aria-invalid')).toBe('true')
  expect((await field(/^Until/)).getAttribute('aria-invalid')).not.toBe('true')
  await save('Save')
  expect(saved).toEqual([])
  type(from, '08:00')
  expect(screen.queryByText(/isn't a time of the day/)).toBeNull()
  await save('Save')
  await screen.findByText('Too hot is saved.')
  expect(saved).toMatchObject([{ condition: { kind: 'schedule', from: '08:00', to: '14:00' } }])
})

it('nothing is told while it is typed, or where nothing has to be', async () => {
  condition = { kind: 'schedule', from: '06:00' }
  await show(page())
  const from = await field(/^From/)
  fireEvent.change(from, { target: { value: '0' } })
  expect(from.getAttribute('aria-invalid')).not.toBe('true')
  type(from, '')
  expect(from.getAttribute('aria-invalid')).not.toBe('true')
})

it('a parameter is told by its name, in German', async () => {
  const above = { parameter: 'max_temperature', default: 80 }
  condition = { kind: 'threshold', signal: 't', above }
  await show(page(), 'de')
  const name = await field(/^Parameter für/)
  type(name, 'Max Temp')
  await screen.findByText(/^Max Temp kann kein Name eines Parameters sein: 1 bis 64 Zeichen/)
  expect(name.getAttribute('aria-invalid')).toBe('true')
  await save('Speichern')
  expect(saved).toEqual([])
})
