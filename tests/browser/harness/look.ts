/** What every page must be. */
import { expect } from 'vitest'
import type { Visit } from './browser'

/** Waits until the page has its heading and loads nothing any more. */
export async function isLoaded(page: Visit): Promise<string> {
  const heading = page.getByRole('heading', { level: 1 })
  await heading.waitFor()
  const loading = page.getByRole('status', { name: /^(Loading|Wird geladen)/ })
  await expect.poll(() => loading.count(), { timeout: 15_000 }).toBe(0)
  return heading.innerText()
}

/** Opens an address and waits until all of its page is there. */
export async function open(page: Visit, url: string): Promise<string> {
  await page.goto(url)
  return isLoaded(page)
}

/** How far the page can be scrolled sideways, in CSS pixels. */
export function sideways(page: Visit): Promise<number> {
  return page.evaluate(() => {
    const root = document.documentElement
    return root.scrollWidth - root.clientWidth
  })
}

/** The texts that stand on the page, as they are written in it. */
export function wordsOn(page: Visit): Promise<string[]> {
  return page.evaluate(() => {
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
    const words: string[] = []
    while (walker.nextNode()) {
      const text = walker.currentNode.textContent?.trim() ?? ''
      if (text && walker.currentNode.parentElement?.checkVisibility()) words.push(text)
    }
    return words
  })
}
