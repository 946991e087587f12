/** What people do who have no mouse. */
import { expect } from 'vitest'
import type { Visit } from './browser'

/** More than any page has: a way that doesn't end is a trap. */
const STEPS_MAX = 120

interface Focused {
  role: string
  name: string
  visible: boolean
}

/** What has the focus, and whether a person sees that it has. */
export function focused(page: Visit): Promise<Focused> {
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
export async function tabTo(page: Visit, name: RegExp): Promise<void> {
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
