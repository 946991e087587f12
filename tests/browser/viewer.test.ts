import { expect, inject } from 'vitest'
import { Api } from './harness/api'
import { test } from './harness/browser'
import { isLoaded, open } from './harness/look'

const platform = inject('platform')

test('who may only look is offered nothing else', async ({ people }) => {
  const api = await Api.signedIn(platform)
  const machine = await api.createMachine('Looked at only')
  const ticket = await api.post('/tickets', {
    machine_id: machine,
    title: 'Looked at only',
    priority: 'P4',
  })
  const page = await people.signedIn(platform, 'viewer')
  await isLoaded(page)
  const menu = page.getByRole('navigation', { name: 'Main' })
  await menu.getByRole('link', { name: 'Fleet' }).waitFor()
  expect(await menu.getByRole('link', { name: 'Commission a machine' }).count()).toBe(0)
  expect(await menu.getByRole('link', { name: 'Audit' }).count()).toBe(0)

  const acts = page.getByRole('main').getByRole('button', {
    name: /command|acknowledge|shelve|resolve|assign|edit|delete|new rule|maintenance/i,
  })
  for (const path of [`/machines/${machine}`, `/tickets/${ticket.id}`, '/alarms', '/rules']) {
    await open(page, platform + path)
    for (const button of await acts.all()) {
      expect(await button.isDisabled(), `${path}: ${await button.innerText()}`).toBe(true)
    }
  }

  page.guard.expect(/403 \(Forbidden\)/)
  await open(page, `${platform}/audit`)
  await page.getByText('You may not see this.').waitFor()
})
