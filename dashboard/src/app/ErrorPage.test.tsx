// @vitest-environment jsdom
import { act, fireEvent, screen } from '@testing-library/react'
import { createMemoryRouter, RouterProvider } from 'react-router'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { show } from '../testing/show'
import { ErrorPage } from './ErrorPage'

const FAILED = 'Failed to fetch dynamically imported module: https://x/assets/FleetPage-1.js'

let isThere: boolean
const reload = vi.fn()

beforeEach(() => {
  isThere = false
  reload.mockReset()
  sessionStorage.clear()
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'Date'] })
  vi.stubGlobal('fetch', async () => {
    if (!isThere) throw new TypeError('Failed to fetch')
    return new Response('ok\n')
  })
})
afterEach(() => {
  vi.useRealTimers()
  vi.unstubAllGlobals()
})

/** A page whose code fails so. */
async function open(error: Error, language: 'en' | 'de' = 'en'): Promise<void> {
  const page = {
    path: '/',
    lazy: () => Promise.reject(error),
    errorElement: <ErrorPage reload={reload} />,
    HydrateFallback: () => null,
  }
  const log = vi.spyOn(console, 'error').mockReturnValue(undefined)
  await show(<RouterProvider router={createMemoryRouter([page])} />, language)
  await vi.waitFor(() => screen.getByRole('alert'))
  log.mockRestore()
}

const after = (ms: number) => act(() => vi.advanceTimersByTimeAsync(ms))

it.each([
  ['Chromium', FAILED],
  ['Firefox', 'error loading dynamically imported module: https://x/assets/FleetPage-1.js'],
  ['Safari', 'Importing a module script failed.'],
  ['a style', 'Unable to preload CSS for /assets/FleetPage-1.css'],
])('says that a page couldn’t be loaded, and reloads when asked (%s)', async (_, message) => {
  await open(new TypeError(message))
  screen.getByText("This page couldn't be loaded.")
  expect(screen.queryByText(message)).toBeNull()
  expect(screen.getByRole('link', { name: 'Go to Now' }).getAttribute('href')).toBe('/')
  fireEvent.click(screen.getByRole('button', { name: 'Reload' }))
  expect(reload).toHaveBeenCalledOnce()
})

it('speaks German', async () => {
  await open(new TypeError(FAILED), 'de')
  screen.getByText('Diese Seite konnte nicht geladen werden.')
  screen.getByRole('button', { name: 'Neu laden' })
})

it('reloads by itself once the platform answers, and not again and again', async () => {
  await open(new TypeError(FAILED))
  await after(60_000)
  expect(reload).not.toHaveBeenCalled()
  isThere = true
  await after(5_000)
  expect(reload).toHaveBeenCalledOnce()
  await after(55_000)
  expect(reload).toHaveBeenCalledOnce()
  await after(10_000)
  expect(reload).toHaveBeenCalledTimes(2)
})

it('says what failed in code of its own, and leaves it at that', async () => {
  isThere = true
  await open(new Error('x is undefined'))
  screen.getByText('Something went wrong.')
  screen.getByText('x is undefined')
  await after(300_000)
  expect(reload).not.toHaveBeenCalled()
})
