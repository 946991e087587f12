import { afterAll, beforeAll, inject } from 'vitest'
import { Agent, simulator } from './harness/agent'
import { Api } from './harness/api'
import { expectAccessible } from './harness/axe'
import { test, type People, type Visit } from './harness/browser'
import { isLoaded } from './harness/look'

const platform = inject('platform')
/** From the fault to what the page shows of it, the machine's own pace included. */
const SOON = { timeout: 20_000 }

let agent: Agent
beforeAll(async () => {
  const api = await Api.signedIn(platform)
  agent = await Agent.enroll(api, platform, 'Elevator of the story', simulator('elevator'))
  await agent.connect()
})
afterAll(() => agent.stop())

/** From the machine's alarm on Now to its ticket, as a technician goes. */
async function goToTicket(page: Visit): Promise<void> {
  const tickets = page.getByRole('region', { name: 'Open tickets' })
  const mine = tickets.getByRole('listitem').filter({ hasText: 'Elevator of the story' })
  await mine.first().waitFor(SOON)
  await mine.first().getByRole('link').first().click()
  await page.waitForURL(/\/tickets\//)
  await isLoaded(page)
}

/** Sends what the ticket's page proposes. */
async function sendRemedy(page: Visit, purpose: string): Promise<void> {
  await page.getByRole('button', { name: 'Send “reset_fault”' }).click(SOON)
  const dialog = page.getByRole('dialog', { name: 'Send a command' })
  await dialog.getByRole('button', { name: /^reset_fault/ }).click()
  await dialog.getByLabel('Purpose').fill(purpose)
  await dialog.getByRole('button', { name: 'Send', exact: true }).click()
  await dialog.getByRole('status').getByText('Waits for the operator').waitFor(SOON)
}

/** The operator on site answers on the machine's own panel. */
async function answer(people: People, word: 'Accept' | 'Refuse', purpose: string): Promise<void> {
  const panel = await people.visit(await agent.panelUrl())
  await panel.getByText('Elevator of the story', { exact: true }).waitFor()
  const card = panel.getByRole('article', { name: 'May this be done?' })
  await card.getByText(purpose).waitFor(SOON)
  await people.look(panel, 'panel asks')
  await expectAccessible(panel, 'the panel')
  await card.getByRole('button', { name: word }).click()
  await card.waitFor({ state: 'detached' })
}

test('a machine fails, and a refused command says why nothing was done', async ({ people }) => {
  const page = await people.signedIn(platform, 'technician')
  await isLoaded(page)
  await agent.fail()
  const alarms = page.getByRole('region', { name: 'Open alarms' })
  await alarms
    .getByRole('listitem')
    .filter({ hasText: 'Elevator of the story' })
    .first()
    .waitFor(SOON)
  await people.look(page, 'now')
  await goToTicket(page)
  await sendRemedy(page, 'Nobody is near the door')

  await answer(people, 'Refuse', 'Nobody is near the door')
  const dialog = page.getByRole('dialog')
  await dialog.getByText('Rejected').first().waitFor(SOON)
  await dialog.getByText('The operator on the machine refused it.').waitFor()
  await people.look(page, 'refused')
  await dialog.getByRole('button', { name: 'Close' }).last().click()
  await page
    .getByText(/operator at the machine didn.t agree/)
    .first()
    .waitFor()
})

test('the command that is accepted repairs it, and the ticket resolves', async ({ people }) => {
  const page = await people.signedIn(platform, 'technician')
  await isLoaded(page)
  await goToTicket(page)
  await sendRemedy(page, 'Door is free again')
  await answer(people, 'Accept', 'Door is free again')
  const dialog = page.getByRole('dialog')
  await dialog.getByRole('status').getByText('Succeeded').waitFor(SOON)
  await dialog.getByRole('button', { name: 'Close' }).last().click()

  // Without a reload: the alarm ends, the ticket resolves, what was done is told.
  await page.getByText('All alarms of this ticket are over.').waitFor(SOON)
  await page.getByText('Nothing to do. The ticket is: Resolved.').waitFor(SOON)
  await people.look(page, 'resolved')
  await page.getByRole('link', { name: 'Elevator of the story' }).first().click()
  await page.waitForURL(/\/machines\//)
  await page.getByRole('heading', { level: 1, name: 'Elevator of the story' }).waitFor()
  await page.getByText('No active alarms').first().waitFor(SOON)
  await page.getByText('Online').first().waitFor()
  // The machine runs: its live values say so.
  const state = page.getByRole('row').filter({ hasText: 'operating.state' })
  await state.filter({ hasText: /standing|travelling|door/ }).waitFor(SOON)
  await page.getByTestId('chart').locator('canvas').first().waitFor()
})
