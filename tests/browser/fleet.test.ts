import { afterAll, beforeAll, expect, inject } from 'vitest'
import { Agent, simulator } from './harness/agent'
import { Api } from './harness/api'
import { expectAccessible } from './harness/axe'
import { test, type Visit } from './harness/browser'
import { focused, tabTo } from './harness/keys'
import { isLoaded, open } from './harness/look'
import { eventually, present } from './harness/wait'

const platform = inject('platform')
const MACHINE = 'Listed compressor'
const SILENT = 'Listed machine without values'
const SIGNAL = 'oil.temperature'
const LIST = '/fleet?q=Listed'
/** Values are asked for anew every 15 s. */
const RENEWED = { timeout: 40_000 }

let agent: Agent
beforeAll(async () => {
  const api = await Api.signedIn(platform)
  await api.createMachine(SILENT)
  agent = await Agent.enroll(api, platform, MACHINE, simulator('compressor'))
  await agent.connect()
  await eventually('values are stored', async () => {
    const signals = await api.items(`/machines/${agent.machine}/signals`)
    return present(
      signals.find(({ signal }) => signal === SIGNAL),
      SIGNAL,
    )
  })
})
afterAll(() => agent.stop())

const rowOf = (page: Visit, name: string) =>
  page.getByRole('row').filter({ has: page.getByRole('link', { name }) })
const column = (page: Visit) => page.getByRole('columnheader', { name: SIGNAL })

test('newest values stand in the list of machines', { timeout: 120_000 }, async ({ people }) => {
  const page = await people.signedIn(platform, 'technician', LIST)
  await isLoaded(page)
  await rowOf(page, MACHINE).waitFor()
  expect(await column(page).count()).toBe(0)

  // Chosen without a mouse.
  await tabTo(page, /^Values as columns/)
  await page.keyboard.press('Enter')
  const dialog = page.getByRole('dialog')
  await dialog.getByRole('combobox').waitFor()
  await expect.poll(async () => (await focused(page)).role).toBe('combobox')
  // Names are offered once they are known, and to who begins to type.
  await dialog.getByText(/^Offered is what/).waitFor()
  await page.keyboard.type(SIGNAL)
  await dialog.getByRole('option', { name: SIGNAL }).waitFor()
  await expect.poll(() => dialog.getByRole('option').count()).toBe(1)
  await expectAccessible(page, 'the choice of values')
  await people.look(page, 'choice')
  await page.keyboard.press('ArrowDown')
  await page.keyboard.press('Enter')
  await column(page).waitFor()
  // The first for the names that are offered, the second for the rest.
  await page.keyboard.press('Escape')
  await page.keyboard.press('Escape')
  await dialog.waitFor({ state: 'detached' })
  await expect.poll(async () => (await focused(page)).name).toBe('Values as columns (1)')
  await page.waitForURL(/[?&]signal=oil\.temperature/)

  // With its unit, and kept new.
  const own = rowOf(page, MACHINE)
  await own.getByText(/^[\d.,]+\s°C$/).waitFor()
  const time = own.getByRole('cell').nth(1).locator('time')
  const first = await time.getAttribute('datetime')
  await rowOf(page, SILENT).getByText('no such signal').waitFor()
  await expectAccessible(page, 'the list with values')
  await people.look(page, 'values')
  const renewed = async () => (await time.getAttribute('datetime')) !== first
  await expect.poll(renewed, RENEWED).toBe(true)

  // Sorted by it, what has no value comes last in either direction.
  const names = () => page.getByRole('row').getByRole('link').allInnerTexts()
  const sort = column(page).getByRole('button')
  for (const order of ['ascending', 'descending']) {
    await sort.click()
    await expect.poll(() => column(page).getAttribute('aria-sort')).toBe(order)
    await expect.poll(async () => (await names()).at(0)).toBe(MACHINE)
  }

  // As it was left, on the next visit.
  const address = page.url()
  await open(page, `${platform}/fleet`)
  await column(page).waitFor()
  await page.waitForURL(/[?&]signal=oil\.temperature/)

  // Somebody else sees it by its address, and has no choice of this person's.
  const other = await people.signedIn(platform, 'viewer', address.slice(platform.length))
  await rowOf(other, MACHINE)
    .getByText(/^[\d.,]+\s°C$/)
    .waitFor()
  await open(other, `${platform}/fleet`)
  await other.getByRole('button', { name: 'Values as columns', exact: true }).waitFor()
  expect(await column(other).count()).toBe(0)
})
