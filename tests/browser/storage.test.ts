import { afterAll, beforeAll, expect, inject } from 'vitest'
import { Agent, simulator } from './harness/agent'
import { Api, type Item } from './harness/api'
import { expectAccessible } from './harness/axe'
import { test } from './harness/browser'
import { isLoaded, open } from './harness/look'
import { eventually, present } from './harness/wait'

const platform = inject('platform')
const MACHINE = 'Compressor that fills the disk'
const SIGNAL = 'oil.temperature'

let api: Api
let agent: Agent
beforeAll(async () => {
  api = await Api.signedIn(platform)
  agent = await Agent.enroll(api, platform, MACHINE, simulator('compressor'))
  await agent.connect()
  await eventually('values are stored', async () => {
    const storage = await api.get(`/machines/${agent.machine}/storage`)
    const signals = storage.signals as Item[]
    return present(
      signals.find(({ signal, points }) => signal === SIGNAL && (points as number) > 0),
      SIGNAL,
    )
  })
  await eventually('rolled up once', async () => {
    const { tasks } = await api.get('/storage')
    return present(
      (tasks as Item[]).find(({ task, succeeded_at }) => task === 'rollups' && succeeded_at),
      'run of rollups',
    )
  })
})
afterAll(() => agent.stop())

test('who decides on it sees what is stored, and goes on to a machine', async ({ people }) => {
  const page = await people.signedIn(platform, 'admin')
  await isLoaded(page)
  const menu = page.getByRole('navigation', { name: 'Main' })
  await menu.getByRole('link', { name: 'Storage' }).click()
  await page.waitForURL(`${platform}/storage`)
  // The address changes before the page does.
  await expect.poll(() => isLoaded(page)).toBe('Storage')
  const database = page.getByRole('region', { name: 'Database' })
  await database.getByText(/^[\d.,]+ [KMG]iB$/).waitFor()
  const rollups = page.getByTestId('task-rollups')
  await rollups.getByText('Goes well').waitFor()
  await page.getByTestId('task-retention').waitFor()
  await expectAccessible(page, 'storage')
  await people.look(page, 'storage')

  // Without a mouse.
  await page.getByRole('combobox', { name: 'Show the storage of a machine' }).focus()
  await page.keyboard.type(MACHINE)
  await page.getByRole('option', { name: new RegExp(MACHINE) }).waitFor()
  await expect.poll(() => page.getByRole('option').count()).toBe(1)
  await page.keyboard.press('ArrowDown')
  await page.keyboard.press('Enter')
  await page.waitForURL(`${platform}/machines/${agent.machine}/storage`)
  await expect.poll(() => isLoaded(page)).toBe(MACHINE)
  const row = page.getByTestId(`storage-${SIGNAL}`)
  await row.getByText(/^[\d.,]+ ([KM]i)?B$/).waitFor()
  await people.look(page, 'machine')
  const storage = await api.get(`/machines/${agent.machine}/storage`)
  const rows = page.getByRole('rowheader')
  expect(await rows.count()).toBe((storage.signals as Item[]).length)

  await page.getByRole('textbox', { name: 'Filter by name' }).fill('no such signal')
  await page.getByText('No signal has this name.').waitFor()
  await page.getByRole('link', { name: 'The whole database' }).click()
  await page.waitForURL(`${platform}/storage`)
})

test('a machine that never sent anything takes up nothing', async ({ people }) => {
  const silent = await api.createMachine('Machine without values')
  const page = await people.signedIn(platform, 'admin', `/machines/${silent}/storage`)
  await page.getByText("The machine hasn't sent any values yet.").waitFor()
})

test('the platform’s storage isn’t for everyone', async ({ people }) => {
  const page = await people.signedIn(platform, 'viewer')
  await isLoaded(page)
  const menu = page.getByRole('navigation', { name: 'Main' })
  await menu.getByRole('link', { name: 'Fleet' }).waitFor()
  expect(await menu.getByRole('link', { name: 'Storage' }).count()).toBe(0)
  await open(page, `${platform}/storage`)
  await page.getByText('You may not see this.').waitFor()

  // A machine's is for who sees its values.
  await open(page, `${platform}/machines/${agent.machine}/storage`)
  await page.getByTestId(`storage-${SIGNAL}`).waitFor()
  expect(await page.getByRole('link', { name: 'The whole database' }).count()).toBe(0)
})
