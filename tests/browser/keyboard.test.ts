import { afterAll, beforeAll, expect, inject } from 'vitest'
import { Agent, simulator } from './harness/agent'
import { Api } from './harness/api'
import { test } from './harness/browser'
import { focused, tabTo } from './harness/keys'
import { isLoaded } from './harness/look'
import { credentials } from './harness/platform'

const platform = inject('platform')
const MACHINE = 'Mill for the keyboard'

let agent: Agent
beforeAll(async () => {
  agent = await Agent.enroll(await Api.signedIn(platform), platform, MACHINE, simulator('cnc_mill'))
  await agent.connect()
})
afterAll(() => agent.stop())

test('everything is done without a mouse', async ({ people }) => {
  const page = await people.visit(platform)
  const { email, password } = credentials('technician')
  await page.getByLabel('E-mail').waitFor()
  await tabTo(page, /^E-mail/)
  await page.keyboard.type(email)
  await tabTo(page, /^Password/)
  await page.keyboard.type(password)
  await page.keyboard.press('Enter')
  await isLoaded(page)

  await tabTo(page, /^Skip to content$/)
  await tabTo(page, /^Fleet$/)
  await page.keyboard.press('Enter')
  await page.waitForURL(`${platform}/fleet`)
  await page.getByRole('link', { name: MACHINE }).waitFor()
  await tabTo(page, /^Search/)
  await page.keyboard.type(MACHINE)
  await tabTo(page, new RegExp(`^${MACHINE}`))
  await page.keyboard.press('Enter')
  await page.getByRole('heading', { level: 1, name: MACHINE }).waitFor()

  await tabTo(page, /^Send a command$/)
  await page.keyboard.press('Enter')
  const dialog = page.getByRole('dialog', { name: 'Send a command' })
  await dialog.getByRole('button', { name: /^ping/ }).waitFor()
  await tabTo(page, /^Search/)
  await page.keyboard.type('ping')
  await tabTo(page, /^ping/)
  await page.keyboard.press('Enter')
  await tabTo(page, /^Send$/)
  await page.keyboard.press('Enter')
  await dialog.getByRole('status').getByText('Succeeded').waitFor()
  await people.look(page, 'ping')
  await page.keyboard.press('Escape')
  await dialog.waitFor({ state: 'detached' })
  await expect.poll(async () => (await focused(page)).name).toBe('Send a command')

  await page.getByTestId('chart').waitFor()
  await tabTo(page, /^Time in the chart$/)
  const whole = page.getByRole('button', { name: 'Whole time' })
  await page.keyboard.press('+')
  await whole.waitFor()
  await page.keyboard.press('ArrowLeft')
  await people.look(page, 'chart')
  await page.keyboard.press('0')
  await whole.waitFor({ state: 'detached' })
})
