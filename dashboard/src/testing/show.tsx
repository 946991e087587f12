/** Shows parts of the dashboard in tests, in jsdom, with everything that stands around them. */
import { MantineProvider } from '@mantine/core'
import { Notifications, notifications } from '@mantine/notifications'
import { QueryClient, QueryClientProvider } from '@tanstack/react-query'
import { cleanup, render, type RenderResult } from '@testing-library/react'
import i18next from 'i18next'
import type { ReactNode } from 'react'
import { createMemoryRouter, RouterProvider } from 'react-router'
import { afterEach } from 'vitest'
import type { Language } from '../format/language'
import { speak, startTexts } from '../texts'

afterEach(() => {
  cleanup()
  notifications.clean()
})

interface Shown extends RenderResult {
  /** Shows something else in its place. */
  again: (children: ReactNode) => void
}

export async function show(children: ReactNode, language: Language = 'en'): Promise<Shown> {
  if (!i18next.isInitialized) await startTexts()
  await speak(language)
  const queries = new QueryClient({ defaultOptions: { queries: { retry: false } } })
  const around = (shown: ReactNode) => (
    <MantineProvider env="test">
      <Notifications />
      <QueryClientProvider client={queries}>{shown}</QueryClientProvider>
    </MantineProvider>
  )
  const result = render(around(children))
  return { ...result, again: (shown) => result.rerender(around(shown)) }
}

/** Something at an address, for what has links or reads its address. */
export function atAddress(children: ReactNode, address = '/', path = '*'): ReactNode {
  const router = createMemoryRouter([{ path, element: children }], { initialEntries: [address] })
  return <RouterProvider router={router} />
}
