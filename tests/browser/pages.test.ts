import { afterAll, beforeAll, expect, inject } from 'vitest'
import { Agent, simulator } from './harness/agent'
import { Api } from './harness/api'
import { expectAccessible, expectContrast } from './harness/axe'
import { PHONE, test } from './harness/browser'
import { isLoaded, open, sideways, wordsOn } from './harness/look'
import { onlyEnglish } from './harness/texts'
import { eventually, present } from './harness/wait'

const platform = inject('platform')

/** Every page with something on it. */
let pages: Record<string, string>
let agent: Agent

beforeAll(async () => {
  const api = await Api.signedIn(platform)
  agent = await Agent.enroll(api, platform, 'Elevator for every page', simulator('elevator', 10))
  await agent.connect()
  const [ticket] = await eventually('it has failed', async () => {
    const tickets = await api.items(`/tickets?machine_id=${agent.machine}`)
    return [present(tickets[0], 'ticket')]
  })
  const rule = await api.post('/rules', {
    name: 'Slow door',
    machine_id: agent.machine,
    severity: 'minor',
    condition: { kind: 'threshold', signal: 'door.closing_time', above: 60 },
  })
  const limit = { kind: 'threshold', signal: 'door.closing_time', above: 60 }
  const tree = {
    name: 'Slow door, in a tree',
    machine_id: agent.machine,
    severity: 'minor',
    condition: {
      kind: 'any',
      conditions: [limit, { kind: 'missing', signal: limit.signal, for_s: 3600 }],
    },
  }
  const treeRule = await api.post('/rules', tree)
  const backtest = await api.post('/rules/backtest', tree)
  const [alarm] = await api.items(`/alarms?machine_id=${agent.machine}`)
  const machine = `/machines/${agent.machine}`
  pages = {
    now: '/',
    fleet: '/fleet',
    'fleet with values': '/fleet?signal=door.closing_time&signal=nowhere',
    machine,
    'machine alarms': `${machine}/alarms`,
    'machine commands': `${machine}/commands`,
    'machine storage': `${machine}/storage`,
    tickets: '/tickets',
    ticket: `/tickets/${ticket.id}`,
    alarms: '/alarms',
    rules: '/rules',
    rule: `/rules/${rule.id}`,
    'rule tree': `/rules/${treeRule.id}`,
    backtests: '/rules/backtests',
    backtest: `/rules/backtests/${backtest.id}`,
    alarm: `/alarms/${present(alarm, 'alarm').id}`,
    commission: '/commission',
    audit: '/audit',
    storage: '/storage',
    profile: '/profile',
  }
})
afterAll(() => agent.stop())

test('every page is accessible, light and dark', { timeout: 240_000 }, async ({ people }) => {
  const page = await people.signedIn(platform, 'admin')
  for (const [name, path] of Object.entries(pages)) {
    await open(page, platform + path)
    await people.look(page, name)
    await expectAccessible(page, name)
    await page.emulateMedia({ colorScheme: 'dark' })
    await people.look(page, `${name} dark`)
    await expectContrast(page, `${name}, dark`)
    await page.emulateMedia({ colorScheme: 'light' })
  }
})

test('the sign-in is accessible', async ({ people }) => {
  const page = await people.visit(platform)
  await page.getByLabel('E-mail').waitFor()
  await expectAccessible(page, 'sign-in')
})

test('every page fits on a phone', { timeout: 120_000 }, async ({ people }) => {
  const page = await people.signedIn(platform, 'admin', '/', {
    viewport: PHONE,
    isMobile: true,
    hasTouch: true,
  })
  for (const [name, path] of Object.entries(pages)) {
    await open(page, platform + path)
    await people.look(page, name)
    expect(await sideways(page), `${name} scrolls sideways`).toBe(0)
  }
  await page.getByRole('button', { name: 'Open or close the menu' }).tap()
  const menu = page.getByRole('navigation', { name: 'Main' })
  await menu.getByRole('link', { name: 'Fleet' }).tap()
  await page.waitForURL(`${platform}/fleet`)
  await expect.poll(() => isLoaded(page)).toBe('Fleet')
  await expect.poll(() => menu.isVisible()).toBe(false)
})

test(
  'every page is German for who wants it, and stays so',
  { timeout: 120_000 },
  async ({ people }) => {
    const page = await people.signedIn(platform, 'admin')
    await isLoaded(page)
    await page.getByRole('button', { name: 'DE', exact: true }).click()
    await page.getByRole('link', { name: 'Maschinen', exact: true }).waitFor()
    const english = onlyEnglish()
    for (const [name, path] of Object.entries(pages)) {
      await open(page, platform + path)
      await people.look(page, name)
      expect(await page.locator('html').getAttribute('lang')).toBe('de')
      const left = (await wordsOn(page)).filter((text) => english.has(text))
      expect(left, `English on ${name}`).toEqual([])
    }
  },
)

test('a browser that prefers German gets German', async ({ people }) => {
  const page = await people.visit(platform, { locale: 'de-AT' })
  await page.getByRole('button', { name: 'Anmelden' }).waitFor()
})
