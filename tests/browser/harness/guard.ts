/** What must never happen on a page, whatever is tested on it. */
import type { Page } from 'playwright-core'

/** Collects what a page does wrong. */
export class Guard {
  readonly #findings: string[] = []
  readonly #expected: RegExp[] = []

  static async watch(page: Page, origin: string): Promise<Guard> {
    const guard = new Guard()
    const find = (finding: string) => guard.#findings.push(finding)
    await page.exposeFunction('tellViolation', (words: string) => find(`CSP: ${words}`))
    await page.addInitScript(() => {
      document.addEventListener('securitypolicyviolation', (event) => {
        const { violatedDirective, blockedURI, sourceFile } = event
        const tell = (window as unknown as { tellViolation: (words: string) => void }).tellViolation
        tell(`${violatedDirective} blocked ${blockedURI} in ${sourceFile}`)
      })
    })
    page.on('pageerror', (error) => find(`uncaught: ${error.stack ?? error.message}`))
    page.on('console', (message) => {
      const where = message.location().url
      if (message.type() === 'error') find(`console: ${message.text()} (${where})`)
    })
    page.on('request', (request) => {
      const url = new URL(request.url())
      const isOwn = url.origin === origin || ['data:', 'blob:', 'about:'].includes(url.protocol)
      if (!isOwn) find(`request to another host: ${request.url()}`)
    })
    return guard
  }

  /** What this test brings about itself, such as a refused sign-in. */
  expect(finding: RegExp): void {
    this.#expected.push(finding)
  }

  /** What went wrong and was not expected. */
  get findings(): string[] {
    return this.#findings.filter((finding) => !this.#expected.some((known) => known.test(finding)))
  }
}
