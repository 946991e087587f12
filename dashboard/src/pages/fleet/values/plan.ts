/**
 * Which page of newest values is asked for next, and when. Pure.
 *
 * The platform gives the fleet page after page, in an order of its own. So it is gone through as far as
 * the machines that are looked at need it, and then only the pages with these machines are asked for anew.
 */
import { ROWS_MAX } from '../../../api/pages'
import { LATEST_PAGE } from '../../../api/latest'

/** How long a page with machines that are looked at is taken for new. */
export const REFRESH_MS = 15_000
/** Values take one part in so many of the time at most, however long the platform needs for them. */
export const SHARE = 10
/** Beyond it, values aren't asked for; the list ends there too. */
export const PAGES_MAX = Math.ceil(ROWS_MAX / LATEST_PAGE)

/** A page that was had. */
export interface Known {
  cursor: string | undefined
  next: string | undefined
  machines: ReadonlySet<string>
  /** When it came, and how long that took. */
  at: number
  tookMs: number
}

export interface Next {
  /** Its place among the pages; after the last: the one that follows. */
  place: number
  dueAt: number
}

/** For these machines; nothing when none is looked at. */
export function nextOf(pages: readonly Known[], machines: readonly string[]): Next | undefined {
  const isMissing = machines.some((machine) => !pages.some((page) => has(page, machine)))
  if (isMissing && !isWhole(pages) && pages.length < PAGES_MAX) {
    return { place: pages.length, dueAt: 0 }
  }
  const needed = pages
    .map((page, place) => ({ page, place }))
    .filter(({ page, place }) => {
      // Where a machine would be that was registered since.
      const isLast = place === pages.length - 1
      return (isLast && isMissing) || machines.some((machine) => has(page, machine))
    })
  const [first] = needed.sort((a, b) => a.page.at - b.page.at)
  const takes = needed.reduce((sum, { page }) => sum + page.tookMs, 0)
  return first && { place: first.place, dueAt: first.page.at + Math.max(REFRESH_MS, SHARE * takes) }
}

/** Whether they hold the whole fleet. */
export function isWhole(pages: readonly Known[]): boolean {
  const last = pages.at(-1)
  return last !== undefined && last.next === undefined
}

/** The pages with a new one in its place; what follows the last one isn't a page any more. */
export function withPage(pages: readonly Known[], place: number, fresh: Known): Known[] {
  const after = fresh.next === undefined ? [] : pages.slice(place + 1)
  return [...pages.slice(0, place), fresh, ...after]
}

function has(page: Known, machine: string): boolean {
  return page.machines.has(machine)
}
