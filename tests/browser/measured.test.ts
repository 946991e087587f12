/** Numbers that are reported and never asserted; `target/browser/measured.json` keeps them. */
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, inject } from 'vitest'
import { Agent, simulator } from './harness/agent'
import { Api } from './harness/api'
import { DESK, test, type Visit } from './harness/browser'
import { serveFiles } from './harness/files'
import { isLoaded } from './harness/look'
import { keepMeasured, outputFolder } from './harness/output'
import { Platform } from './harness/platform'

const dashboard = fileURLToPath(new URL('../../dashboard', import.meta.url))
const MACHINES = 5_000
/** Requests at the same time while they are registered. */
const AT_ONCE = 16
const MINUTE_MS = 60_000
/** Minutes after which the memory is looked at, as far as the test runs so long. */
const LOOKS = [1, 5, 15, 30, 60]
const liveMinutes = Number(process.env.MILLWRIGHT_LIVE_MINUTES ?? 1)

const shared = inject('platform')

let platform: Platform
let agent: Agent
/** Goes on while other things are measured, on a platform of its own. */
let registered: Promise<unknown>
beforeAll(async () => {
  platform = await Platform.start('measured')
  const api = await Api.signedIn(shared)
  agent = await Agent.enroll(api, shared, 'Mill that is looked at', simulator('cnc_mill'))
  await agent.connect()
  registered = registerFleet(await platform.api())
  // Told where it is waited for.
  registered.catch(() => undefined)
})
afterAll(async () => {
  await agent.stop()
  await platform.stop()
})

async function registerFleet(api: Api): Promise<void> {
  let next = 0
  const register = async () => {
    while (next < MACHINES) {
      next += 1
      const name = `Machine ${String(next).padStart(4, '0')}`
      await api.createMachine(name, { model: `Model ${next % 7}` })
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, register))
}

/** Bytes of script and style that came over the wire so far, and of the page itself. */
function loaded(page: Visit): Promise<number> {
  return page.evaluate(() =>
    [...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')]
      .map((entry) => entry as PerformanceResourceTiming)
      .filter(({ name, entryType }) => entryType === 'navigation' || name.includes('/assets/'))
      .reduce((sum, { encodedBodySize }) => sum + encodedBodySize, 0),
  )
}

/** Bytes that scripts hold once what nobody needs is gone. */
async function heap(page: Visit): Promise<number> {
  const session = await page.context().newCDPSession(page)
  await session.send('HeapProfiler.collectGarbage')
  const { usedSize } = await session.send('Runtime.getHeapUsage')
  await session.detach()
  return usedSize
}

test('what the first page loads', async ({ people }) => {
  const page = await people.signedIn(shared, 'technician')
  await isLoaded(page)
  keepMeasured('entry to Now, on the wire', Math.round((await loaded(page)) / 1_000), 'kB')
})

test('memory over live data', { timeout: liveMinutes * MINUTE_MS + 60_000 }, async ({ people }) => {
  const page = await people.signedIn(shared, 'technician', `/machines/${agent.machine}`)
  await isLoaded(page)
  const started = Date.now()
  const told = (minutes: number) => `JS heap after ${minutes} min of live data`
  keepMeasured(told(0), Number(((await heap(page)) / 1e6).toFixed(1)), 'MB')
  for (const minutes of [...LOOKS.filter((look) => look < liveMinutes), liveMinutes]) {
    await page.waitForTimeout(started + minutes * MINUTE_MS - Date.now())
    keepMeasured(told(minutes), Number(((await heap(page)) / 1e6).toFixed(1)), 'MB')
  }
})

test('a fleet of 5,000 machines', { timeout: 180_000 }, async ({ people }) => {
  await registered
  const page = await people.signedIn(platform.url, 'technician')
  await isLoaded(page)
  const started = Date.now()
  await page.goto(`${platform.url}/fleet`)
  await page
    .getByRole('link', { name: /^Machine \d{4}/ })
    .first()
    .waitFor()
  keepMeasured('first row of 5,000 machines', Date.now() - started, 'ms')
  await page.getByText('5,000 machines', { exact: true }).waitFor({ timeout: 30_000 })
  keepMeasured('all of 5,000 machines', Date.now() - started, 'ms')
  await people.look(page, 'loaded')
})

/** The dashboard's chart on a page of its own: the API gives at most 5,000 points a signal. */
test('a chart of 100,000 points', async ({ people }) => {
  const outDir = outputFolder('chart')
  const options = ['build', 'bench', '--outDir', outDir, '--emptyOutDir', '--logLevel', 'error']
  await promisify(execFile)('node_modules/.bin/vite', options, { cwd: dashboard })
  const files = await serveFiles(outDir)
  try {
    const page = await people.visit(files.url, { viewport: DESK })
    page.guard.expect(/favicon/)
    await page.waitForFunction(() => document.title !== 'drawing')
    keepMeasured('chart of 100,000 points', Number(await page.title()), 'ms')
    await people.look(page, 'drawn')
  } finally {
    files.server.close()
  }
})
