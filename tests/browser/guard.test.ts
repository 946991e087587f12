import { expect, inject } from 'vitest'
import { test } from './harness/browser'
import { eventually } from './harness/wait'

test('what a page does wrong is found', async ({ people }) => {
  const page = await people.visit(inject('platform'))
  await page.getByLabel('E-mail').waitFor()
  await page.evaluate(() => {
    document.body.append(Object.assign(document.createElement('script'), { text: 'var inline' }))
    fetch('http://192.0.2.1/').catch(() => undefined)
    console.error('said by the test')
    setTimeout(() => {
      throw new Error('thrown by the test')
    })
  })
  const wanted = [
    /^CSP: script-src/,
    /^CSP: connect-src/,
    /^console: said by the test/,
    /^uncaught: .*thrown by the test/,
  ]
  await eventually('all of it is found', () => {
    for (const finding of wanted)
      expect(page.guard.findings).toContainEqual(expect.stringMatching(finding))
  })
  page.guard.expect(/^CSP: |Content Security Policy|by the test/)
})
