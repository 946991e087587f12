import { expect, inject } from 'vitest'
import { test } from './harness/browser'
import { credentials } from './harness/platform'

const platform = inject('platform')

test('a wrong password says so, the right one leads to Now', async ({ people }) => {
  const page = await people.visit(platform)
  page.guard.expect(/401 \(Unauthorized\).*\/auth\/login/)
  const { email, password } = credentials('technician')
  await page.getByLabel('E-mail').fill(email)
  await page.getByLabel('Password', { exact: true }).fill('not the password')
  await page.getByRole('button', { name: 'Sign in' }).click()
  await page.getByText('E-mail or password is wrong.').waitFor()

  await page.getByLabel('Password', { exact: true }).fill(password)
  await page.getByRole('button', { name: 'Sign in' }).click()
  await page.getByRole('heading', { level: 1, name: 'Now' }).waitFor()
  expect(new URL(page.url()).pathname).toBe('/')
  await page.getByRole('status').filter({ hasText: 'Live' }).waitFor()
})

test('who opens a link signs in and arrives where it leads', async ({ people }) => {
  const page = await people.visit(`${platform}/tickets?state=open`)
  const { email, password } = credentials('viewer')
  await page.getByLabel('E-mail').fill(email)
  await page.getByLabel('Password', { exact: true }).fill(password)
  await page.keyboard.press('Enter')
  await page.getByRole('heading', { level: 1 }).waitFor()
  await page.waitForURL(`${platform}/tickets?state=open`)
  // The session outlives a reload, and ends with the sign-out.
  await page.reload()
  await page.getByRole('button', { name: 'Test viewer' }).click()
  await page.getByRole('menuitem', { name: 'Sign out' }).click()
  await page.getByLabel('E-mail').waitFor()
  await page.goto(`${platform}/tickets`)
  await page.getByLabel('E-mail').waitFor()
})
