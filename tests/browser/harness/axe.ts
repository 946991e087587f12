/** Accessibility, as far as a program can tell. */
import { AxeBuilder } from '@axe-core/playwright'
import { expect } from 'vitest'
import type { Visit } from './browser'

const GRAVE = ['serious', 'critical']

/** Fails when axe finds something serious or critical on the page as it is now. */
export async function expectAccessible(page: Visit, where: string): Promise<void> {
  await expectNothingGrave(axe(page), where)
}

/** Fails when colours can't be told apart; for another look of a page that is accessible. */
export async function expectContrast(page: Visit, where: string): Promise<void> {
  await expectNothingGrave(axe(page).withRules('color-contrast'), where)
}

const axe = (page: Visit) => new AxeBuilder({ page }).options({ resultTypes: ['violations'] })

async function expectNothingGrave(builder: AxeBuilder, where: string): Promise<void> {
  const { violations } = await builder.analyze()
  const grave = violations
    .filter(({ impact }) => GRAVE.includes(impact ?? ''))
    .flatMap(({ id, help, nodes }) => nodes.map(({ html }) => `${id}: ${help}: ${html}`))
  expect(grave, `axe on ${where}`).toEqual([])
}
