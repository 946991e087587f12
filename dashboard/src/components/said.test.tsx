// @vitest-environment jsdom
import i18next from 'i18next'
import { expect, it, vi } from 'vitest'
import type { ActorRef } from '../api/types'
import { atAddress, show } from '../testing/show'
import { Actor } from './Actor'
import { MachineLink } from './MachineLink'
import { PageHead } from './PageHead'

const OVERRIDE = 'Mill\u202e2 enil'
const HEBREW = 'מכונה'

it('names from outside stand apart from what is beside them', async () => {
  vi.stubGlobal('fetch', () => Promise.reject(new TypeError('nobody')))
  const actor: ActorRef = { kind: 'user', id: 'x', name: OVERRIDE }
  const { container } = await show(
    atAddress(
      <>
        <PageHead title={OVERRIDE} />
        <MachineLink id="x" name={HEBREW} />
        <Actor actor={actor} />
      </>,
    ),
  )
  const apart = [...container.querySelectorAll('bdi')].map((each) => each.textContent)
  expect(apart).toEqual(['Mill2 enil', HEBREW, 'Mill2 enil'])
  expect(container.textContent).not.toContain('\u202e')
  expect(document.title).toBe('\u2068Mill2 enil\u2069 · Millwright')
})

it('names in sentences stand apart too; others are as they were', async () => {
  await show(null)
  const saved = (name: string) => i18next.t('saved', { ns: 'rules', name })
  expect(saved(HEBREW)).toBe(`\u2068${HEBREW}\u2069 is saved.`)
  expect(saved(OVERRIDE)).toBe('\u2068Mill2 enil\u2069 is saved.')
  expect(saved('<b>Oil & "more"</b>')).toBe('<b>Oil & "more"</b> is saved.')
})
