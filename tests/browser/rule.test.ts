import { afterAll, beforeAll, inject } from 'vitest'
import { Agent, simulator } from './harness/agent'
import { Api } from './harness/api'
import { test } from './harness/browser'
import { isLoaded } from './harness/look'
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
