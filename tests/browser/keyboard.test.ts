import { afterAll, beforeAll, expect, inject } from 'vitest'
import { Agent, simulator } from './harness/agent'
import { Api } from './harness/api'
import { test, type Visit } from './harness/browser'
import { isLoaded } from './harness/look'
import { credentials } from './harness/platform'

const platform = inject('platform')
const MACHINE = 'Mill for the keyboard'
/** More than any page has: a way that doesn't end is a trap. */
const STEPS_MAX = 120

let agent: Agent
beforeAll(async () => {
  agent = await Agent.enroll(await Api.signedIn(platform), platform, MACHINE, simulator('cnc_mill'))
  await agent.connect()
})
afterAll(() => agent.stop())

interface Focused {
  role: string
  name: string
  visible: boolean
}

/** What has the focus, and whether a person sees that it has. */
function focused(page: Visit): Promise<Focused> {
  return page.evaluate(() => {
    const element = document.activeElement
    if (!(element instanceof HTMLElement)) return { role: '', name: '', visible: false }
    const label = (element as HTMLInputElement).labels?.[0]?.innerText
    const name = element.getAttribute('aria-label') ?? label ?? element.innerText
    // How it looks with the focus and without: itself and what stands around a field.
    const around = [element]
    for (let one = element.parentElement; one && around.length < 3; one = one.parentElement) {
      around.push(one)
    }
    const looks = () =>
      around.flatMap((one) =>
        [undefined, '::after'].map((part) => {
          const { outline, boxShadow, borderColor, backgroundColor } = getComputedStyle(one, part)
          return [outline, boxShadow, borderColor, backgroundColor].join()
        }),
      )
    around.forEach((one) => (one.style.transition = 'none'))
    const withFocus = looks().join()
    element.blur()
    const drawn = looks().join() !== withFocus
    element.focus()
    around.forEach((one) => (one.style.transition = ''))
    const { width, height } = element.getBoundingClientRect()
    return {
      role: element.getAttribute('role') ?? element.tagName.toLowerCase(),
      name: name.trim(),
      visible: drawn && width > 0 && height > 0,
    }
  })
}

/** Goes on with Tab until what has the focus is called so. */
async function tabTo(page: Visit, name: RegExp): Promise<void> {
  const seen: string[] = []
  for (let step = 0; step < STEPS_MAX; step += 1) {
    const now = await focused(page)
    if (name.test(now.name)) {
      expect(now.visible, `the focus on ${now.name} is seen`).toBe(true)
      return
    }
    seen.push(now.name)
    await page.keyboard.press('Tab')
  }
  throw new Error(`Tab doesn't come to ${name}: ${[...new Set(seen)].join(' | ')}`)
}

test('everything is done without a mouse', async ({ people }) => {
  const page = await people.visit(platform)
  const { email, password } = credentials('technician')
  await page.getByLabel('E-mail').waitFor()
  await tabTo(page, /^E-mail/)
  await page.keyboard.type(email)
  await tabTo(page, /^Password/)
  await page.keyboard.type(password)
  await page.keyboard.press('Enter')
  await isLoaded(page)

  await tabTo(page, /^Skip to content$/)
  await tabTo(page, /^Fleet$/)
  await page.keyboard.press('Enter')
  await page.waitForURL(`${platform}/fleet`)
  await page.getByRole('link', { name: MACHINE }).waitFor()
  await tabTo(page, /^Search/)
  await page.keyboard.type(MACHINE)
  await tabTo(page, new RegExp(`^${MACHINE}`))
  await page.keyboard.press('Enter')
  await page.getByRole('heading', { level: 1, name: MACHINE }).waitFor()

  await tabTo(page, /^Send a command$/)
  await page.keyboard.press('Enter')
  const dialog = page.getByRole('dialog', { name: 'Send a command' })
  await dialog.getByRole('button', { name: /^ping/ }).waitFor()
  await tabTo(page, /^Search/)
  await page.keyboard.type('ping')
  await tabTo(page, /^ping/)
  await page.keyboard.press('Enter')
  await tabTo(page, /^Send$/)
  await page.keyboard.press('Enter')
  await dialog.getByRole('status').getByText('Succeeded').waitFor()
  await people.look(page, 'ping')
  await page.keyboard.press('Escape')
  await dialog.waitFor({ state: 'detached' })
  await expect.poll(async () => (await focused(page)).name).toBe('Send a command')

  await page.getByTestId('chart').waitFor()
  await tabTo(page, /^Time in the chart$/)
  const whole = page.getByRole('button', { name: 'Whole time' })
  await page.keyboard.press('+')
  await whole.waitFor()
  await page.keyboard.press('ArrowLeft')
  await people.look(page, 'chart')
  await page.keyboard.press('0')
  await whole.waitFor({ state: 'detached' })
})
