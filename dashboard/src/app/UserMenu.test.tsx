// @vitest-environment jsdom
import { fireEvent, screen } from '@testing-library/react'
import { afterEach, expect, it, vi } from 'vitest'
import { isSignedIn, signIn } from '../api/session'
import { atAddress, show } from '../testing/show'
import { UserMenu } from './UserMenu'

afterEach(() => vi.unstubAllGlobals())

it.each([
  ['en', 'Sign out', "The platform can't be reached."],
  ['de', 'Abmelden', 'Die Plattform ist nicht erreichbar.'],
] as const)('says that a sign-out couldn’t be reached (%s)', async (language, action, problem) => {
  const me = { name: 'Ada', email: 'ada@b.example', permissions: [] }
  vi.stubGlobal('fetch', async (input: Request | string) => {
    const path = typeof input === 'string' ? input : new URL(input.url).pathname
    if (path.endsWith('/auth/logout')) throw new TypeError('Failed to fetch')
    return Response.json(path.endsWith('/me') ? me : { access_token: 'a', expires_in: 900 })
  })
  await signIn('ada@b.example', 'secret')
  await show(atAddress(<UserMenu />), language)
  fireEvent.click(await screen.findByRole('button', { name: 'Ada' }))
  fireEvent.click(await screen.findByRole('menuitem', { name: action }))
  await screen.findByText(problem)
  expect(isSignedIn()).toBe(true)
})
