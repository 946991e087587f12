import { afterAll, beforeAll, expect, inject } from 'vitest'
import { Agent, simulator } from './harness/agent'
import { Api } from './harness/api'
import { expectAccessible } from './harness/axe'
import { PHONE, test, type Visit } from './harness/browser'
import { tabTo } from './harness/keys'
import { isLoaded, open, sideways } from './harness/look'
import { eventually, present } from './harness/wait'

const platform = inject('platform')
const MACHINE = 'Compressor with a rule'

let agent: Agent
beforeAll(async () => {
  const api = await Api.signedIn(platform)
  agent = await Agent.enroll(api, platform, MACHINE, simulator('compressor'))
  await agent.connect()
  await eventually('it measures', async () => {
    const signals = await api.items(`/machines/${agent.machine}/signals`)
    return present(
      signals.find(({ signal }) => signal === 'oil.temperature'),
      'oil.temperature',
    )
  })
})
afterAll(() => agent.stop())

test('a rule that is written in the editor raises its alarm', async ({ people }) => {
  const page = await people.signedIn(platform, 'admin', '/rules')
  await isLoaded(page)
  await page.getByRole('link', { name: 'New rule' }).click()
  await page.getByRole('textbox', { name: 'Name', exact: true }).fill('Oil is warm')
  await page.getByRole('combobox', { name: 'Machine' }).fill(MACHINE)
  await page.getByRole('option', { name: new RegExp(MACHINE) }).click()
  await page.getByRole('combobox', { name: 'Signal' }).fill('oil.temperature')
  await page.keyboard.press('Enter')
  await page.getByRole('textbox', { name: 'Limit' }).fill('-20')
  await page.getByText(/When oil\.temperature is above/).waitFor()
  await people.look(page, 'editor')
  await page.getByRole('button', { name: 'Save' }).click()
  await page.getByText('Oil is warm is saved.').waitFor()

  await page.getByRole('navigation').getByRole('link', { name: 'Alarms' }).click()
  const alarms = page.getByRole('list', { name: 'Alarms' })
  await alarms.getByRole('listitem').filter({ hasText: MACHINE }).first().waitFor()
})

/** Puts something in the place of what is in the field. */
async function enter(page: Visit, name: RegExp, text: string): Promise<void> {
  await tabTo(page, name)
  await page.keyboard.press('Control+A')
  await page.keyboard.type(text)
}

test('a rule is made by keyboard, tried while it is, and its alarm is judged', async ({
  people,
}) => {
  const page = await people.signedIn(platform, 'admin', '/rules/new')
  await isLoaded(page)
  await enter(page, /^Name/, 'Oil changes')
  await enter(page, /^Machine/, MACHINE)
  // Those of native choices are options too.
  const offered = page.getByRole('listbox').getByRole('option')
  await offered.filter({ hasText: MACHINE }).waitFor()
  await expect.poll(() => offered.count()).toBe(1)
  await page.keyboard.press('ArrowDown')
  await page.keyboard.press('Enter')
  await tabTo(page, /^What is watched/)
  await page.keyboard.type('How fast')
  await enter(page, /^Signal/, 'oil.temperature')
  await enter(page, /^Measured over/, '1')
  await enter(page, /^Limit/, '-100000')
  await enter(page, /^Raise after/, '0')
  const trial = page.getByTestId('trial')
  await trial.getByText(/^[1-9]\d* alarms? ·/).waitFor()
  await page.getByTestId('chart').waitFor()
  await people.look(page, 'preview')
  await expectAccessible(page, 'a rule with its preview')
  await tabTo(page, /^Save$/)
  await page.keyboard.press('Enter')
  await page.getByText('Oil changes is saved.').waitFor()

  await page.getByRole('navigation').getByRole('link', { name: 'Alarms' }).click()
  const alarms = page.getByRole('list', { name: 'Alarms' })
  const alarm = alarms.getByRole('listitem').filter({ hasText: 'Oil changes' }).first()
  await alarm.getByRole('link').first().click()
  await page.getByRole('heading', { name: 'What was it worth?' }).waitFor()
  await isLoaded(page)
  await page.getByText(/^oil\.temperature changed by .* per minute/).waitFor()
  await enter(page, /^Note/, 'far too sensitive')
  await tabTo(page, /^Nuisance$/)
  await page.keyboard.press('Enter')
  const said = page.getByTestId('feedback')
  await said.getByText('Nuisance').waitFor()
  await said.getByText('far too sensitive').waitFor()
  await people.look(page, 'judged')
  await expectAccessible(page, 'an alarm')
  await page.getByRole('button', { name: 'Real', exact: true }).click()
  await said.getByText('Real').waitFor()

  await page.getByRole('link', { name: /Oil changes/ }).click()
  await page
    .getByTestId('precision')
    .getByText(/1 real, 0 nuisance/)
    .waitFor()
})

test('a tree of conditions fits on a phone, and is tried on more of the past', async ({
  people,
}) => {
  const api = await Api.signedIn(platform)
  const beyond = (above: number) => ({ kind: 'threshold', signal: 'oil.temperature', above })
  const rule = await api.post('/rules', {
    name: 'Oil in a tree',
    machine_id: agent.machine,
    severity: 'warning',
    enabled: false,
    condition: {
      kind: 'any',
      conditions: [
        { kind: 'all', conditions: [beyond(-60), beyond(-50)] },
        { kind: 'missing', signal: 'oil.temperature', for_s: 3600 },
      ],
    },
  })
  const page = await people.signedIn(platform, 'admin', '/', { viewport: PHONE, isMobile: true })
  await open(page, `${platform}/rules/${rule.id}`)
  await page
    .getByTestId('trial')
    .getByText(/^[1-9]\d* alarms? ·/)
    .waitFor()
  expect(await sideways(page), 'a tree scrolls sideways').toBe(0)
  await people.look(page, 'tree')

  await page.getByRole('button', { name: 'Set up' }).click()
  await page.getByRole('button', { name: 'Start', exact: true }).click()
  await page.getByTestId(`machine-${agent.machine}`).waitFor()
  expect(await sideways(page), 'a result scrolls sideways').toBe(0)
  await people.look(page, 'history')
  await page.getByRole('link', { name: 'Open it on a page of its own' }).click()
  await page.waitForURL(/\/rules\/backtests\/./)
  await page.getByTestId(`machine-${agent.machine}`).waitFor()
  await page.getByRole('link', { name: 'Backtests' }).click()
  await page.getByRole('link', { name: 'Oil in a tree', exact: true }).waitFor()
})
