/** A real browser, and people who use it. */
import { join } from 'node:path'
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core'
import { expect, test as plain } from 'vitest'
import { signIn } from './api'
import { Guard } from './guard'
import { fileName, outputFolder } from './output'
import { credentials, type Role } from './platform'

/** How long a page may take to show something. */
const PATIENCE_MS = 15_000

export const PHONE = { width: 390, height: 844 }
export const DESK = { width: 1280, height: 800 }

let browser: Promise<Browser> | undefined

function launched(): Promise<Browser> {
  browser ??= chromium.launch({
    executablePath: process.env.MILLWRIGHT_CHROMIUM ?? '/usr/bin/chromium',
    // Of itself it asks nobody for anything, and in a container it is root.
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      '--enable-precise-memory-info',
    ],
  })
  return browser
}

export type Visit = Page & { guard: Guard }

/** Opens windows for people; each is watched, and looked at in the end. */
export class People {
  readonly #visits: Visit[] = []
  readonly #test: string

  constructor(test: string) {
    this.#test = test
  }

  /** A window of somebody who isn't signed in. */
  async visit(url: string, options: BrowserContextOptions = {}): Promise<Visit> {
    return this.#open(url, options)
  }

  /** A window of somebody who is signed in. */
  async signedIn(
    platform: string,
    role: Role,
    path = '/',
    options: BrowserContextOptions = {},
  ): Promise<Visit> {
    const { cookie } = await signIn(platform, credentials(role))
    const { hostname } = new URL(platform)
    const cookies = [
      {
        ...cookie,
        domain: hostname,
        expires: -1,
        httpOnly: true,
        secure: false,
        sameSite: 'Strict' as const,
      },
    ]
    const localStorage = [{ name: 'millwright.session', value: '1' }]
    return this.#open(platform + path, {
      ...options,
      storageState: { cookies, origins: [{ origin: platform, localStorage }] },
    })
  }

  async #open(url: string, options: BrowserContextOptions): Promise<Visit> {
    const context = await (
      await launched()
    ).newContext({
      viewport: DESK,
      locale: 'en-GB',
      reducedMotion: 'reduce',
      ...options,
    })
    context.setDefaultTimeout(PATIENCE_MS)
    const page = await context.newPage()
    const guard = await Guard.watch(page, new URL(url).origin)
    const visit = Object.assign(page, { guard })
    this.#visits.push(visit)
    await page.goto(url)
    return visit
  }

  /** Keeps how the window looks now. */
  async look(visit: Visit, name: string): Promise<void> {
    const path = join(outputFolder('screenshots'), `${fileName(`${this.#test} ${name}`)}.png`)
    await visit.screenshot({ path, fullPage: true })
  }

  /** Looks at all windows, closes them, and fails when a page did what none may do. */
  async end(): Promise<void> {
    const findings: string[] = []
    for (const [index, visit] of this.#visits.entries()) {
      if (!visit.isClosed()) await this.look(visit, `end ${index + 1}`).catch(() => undefined)
      findings.push(...visit.guard.findings)
      await visit.context().close()
    }
    expect(findings, 'what no page may do').toEqual([])
  }
}

/** A test with people who have browsers. */
export const test = plain.extend<{ people: People }>({
  people: async ({ task }, use) => {
    const people = new People(task.name)
    await use(people)
    await people.end()
  },
})

export async function closeBrowser(): Promise<void> {
  await (await browser)?.close()
  browser = undefined
}
