import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, inject } from 'vitest'
import { Agent, simulator } from './harness/agent'
import { Api } from './harness/api'
import { test } from './harness/browser'
import { isLoaded } from './harness/look'
import { callLine } from './harness/process'

const platform = inject('platform')
const NAME = 'Press from nothing'
const SOON = { timeout: 20_000 }

const folder = mkdtempSync(join(tmpdir(), 'millwright-browser-commissioning-'))
let agent: Agent | undefined
afterAll(async () => {
  await agent?.stop()
  rmSync(folder, { recursive: true, force: true })
})

test('a new machine comes from nothing to live data', async ({ people }) => {
  const page = await people.signedIn(platform, 'admin', '/commission')
  await isLoaded(page)
  await page.getByRole('textbox', { name: 'Name', exact: true }).fill(NAME)
  await page.getByRole('textbox', { name: 'Serial number' }).fill('PRESS-1')
  await page.getByRole('button', { name: 'Register the machine' }).click()
  await page.getByRole('radio', { name: /The Millwright agent/ }).check()
  await page.getByRole('button', { name: 'Create an enrolment code' }).click()
  const enroll = await page.getByRole('group', { name: '1. Enrol it' }).innerText()
  await people.look(page, 'commands')
  await page.getByRole('button', { name: 'Wait for the first contact' }).click()
  await page.getByText('Registered', { exact: true }).first().waitFor()

  // On the machine: what the page says, as it is.
  expect(enroll).toMatch(/^millwright-agent enroll --url /)
  await callLine(enroll, folder)
  await page.getByRole('listitem').filter({ hasText: 'Enrolled' }).getByText('done').waitFor(SOON)
  agent = Agent.enrolled(NAME, simulator('compressor'), join(folder, 'agent'))
  agent.run()

  await page.getByText(`${NAME} is in use.`).waitFor(SOON)
  await people.look(page, 'first values')
  await page.getByRole('link', { name: "To the machine's page" }).click()
  await page.getByRole('heading', { level: 1, name: NAME }).waitFor()
  await page.getByText('oil.temperature').first().waitFor(SOON)
})

test('a mistake is told at its field', async ({ people }) => {
  const api = await Api.signedIn(platform)
  await api.createMachine('Taken')
  const page = await people.signedIn(platform, 'admin', '/commission')
  page.guard.expect(/409 \(Conflict\)|422/)
  await isLoaded(page)
  await page.getByRole('textbox', { name: 'Name', exact: true }).fill('Another')
  await page.getByRole('textbox', { name: 'Serial number' }).fill('Taken')
  await page.getByRole('button', { name: 'Register the machine' }).click()
  await page.getByText('The organization has a machine with this serial number.').waitFor()
})
