import { afterAll, beforeAll, expect } from 'vitest'
import { test } from './harness/browser'
import { Platform } from './harness/platform'

let platform: Platform
beforeAll(async () => {
  platform = await Platform.start('connection')
})
afterAll(() => platform.stop())

test('data is called old while the platform is gone, and is live again after', async ({
  people,
}) => {
  const page = await people.signedIn(platform.url, 'technician', '/fleet')
  page.guard.expect(/net::ERR_|Failed to load resource/)
  const isLive = page.getByRole('status').filter({ hasText: 'Live' })
  await isLive.waitFor()
  const old = page.getByText('What you see may be old')

  await platform.kill()
  await old.waitFor()
  expect(await isLive.count()).toBe(0)
  await people.look(page, 'lost')

  await platform.resume()
  const api = await platform.api()
  await api.createMachine('Registered meanwhile')
  await isLive.waitFor({ timeout: 30_000 })
  await old.waitFor({ state: 'detached' })
  await page.getByText('Registered meanwhile').first().waitFor()
})
