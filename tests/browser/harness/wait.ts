/** Waiting for conditions instead of sleeping. */

const INTERVAL_MS = 50
const WITHIN_MS = 30_000

/** Looks again and again until `probe` doesn't throw, and gives what it found. */
export async function eventually<T>(
  what: string,
  probe: () => Promise<T> | T,
  withinMs = WITHIN_MS,
): Promise<T> {
  const until = Date.now() + withinMs
  for (;;) {
    try {
      return await probe()
    } catch (error) {
      if (Date.now() > until) {
        throw new Error(`waited ${withinMs / 1000} s for: ${what}`, { cause: error })
      }
    }
    await new Promise((resolve) => setTimeout(resolve, INTERVAL_MS))
  }
}

/** What is there, or an error. */
export function present<T>(value: T | null | undefined, what: string): T {
  if (value === null || value === undefined) throw new Error(`there is no ${what}`)
  return value
}
