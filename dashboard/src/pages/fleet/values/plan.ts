/**
 * Which newest values are asked for next, and when. Pure.
 *
 * Machines that are looked at are asked for by their ids. When there are very many of them, as in a list that is
 * sorted by a signal, the fleet is gone through page after page, in the platform's own order, as long as a page
 * holds more of them than a request by ids could name; the rest is asked for by ids.
 */

/** Machines in one request by ids; such an address is short enough for what stands in front of the platform. */
export const IDS_MAX = 100
/** How long a machine's values are taken for new. */
export const REFRESH_MS = 15_000
/** Renewing values takes one part in so many of the time at most, however long the platform needs for it. */
export const SHARE = 10

/** A page that was had. */
export interface Known {
  cursor: string | undefined
  next: string | undefined
  machines: ReadonlySet<string>
}

/** What was had so far. */
export interface Had {
  /** When each machine was last answered for, with values or without. */
  at: ReadonlyMap<string, number>
  /** Of the fleet, from its first page on. */
  pages: readonly Known[]
  /** Before it, only what is missing is asked for. */
  restUntil: number
}

/** The page at this place (after the last: the one that follows), or these machines. */
export type Next = { dueAt: number } & ({ place: number } | { machines: readonly string[] })

/** For these machines; nothing when none is looked at. */
export function nextOf(had: Had, needed: ReadonlySet<string>): Next | undefined {
  const missing = [...needed].filter((machine) => !had.at.has(machine))
  if (missing.length === 0) return renewalOf(had, needed)
  if (missing.length > IDS_MAX && leadsOn(had.pages, needed)) {
    return { place: had.pages.length, dueAt: 0 }
  }
  return { machines: missing.slice(0, IDS_MAX), dueAt: 0 }
}

/** The oldest values anew, with others that one request can bring. */
function renewalOf({ at, pages, restUntil }: Had, needed: ReadonlySet<string>): Next | undefined {
  const since = (machine: string) => at.get(machine) ?? 0
  let oldest: string | undefined
  for (const machine of needed) {
    if (oldest === undefined || since(machine) < since(oldest)) oldest = machine
  }
  if (oldest === undefined) return undefined
  const dueAt = Math.max(since(oldest) + REFRESH_MS, restUntil)
  const worthIt = pages.filter((page) => isWorthIt(page, needed))
  const isIn = (machine: string) => (page: Known) => page.machines.has(machine)
  const whole = worthIt.find(isIn(oldest))
  if (whole) return { place: pages.indexOf(whole), dueAt }
  const singly = [...needed].filter((machine) => !worthIt.some(isIn(machine)))
  singly.sort((a, b) => since(a) - since(b))
  return { machines: singly.slice(0, IDS_MAX), dueAt }
}

/** Whether going on with the pages is likely to find more than requests by ids would. */
function leadsOn(pages: readonly Known[], needed: ReadonlySet<string>): boolean {
  const last = pages.at(-1)
  return last === undefined || (last.next !== undefined && isWorthIt(last, needed))
}

function isWorthIt({ machines }: Known, needed: ReadonlySet<string>): boolean {
  let found = 0
  for (const machine of machines) if (needed.has(machine)) found += 1
  return found > IDS_MAX
}

/** The pages with a new one in its place; what follows the last one isn't a page any more. */
export function withPage(pages: readonly Known[], place: number, fresh: Known): Known[] {
  const after = fresh.next === undefined ? [] : pages.slice(place + 1)
  return [...pages.slice(0, place), fresh, ...after]
}
