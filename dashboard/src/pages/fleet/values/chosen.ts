/** Which signals are columns of the list, and the person's last choice in this browser. */

/** As many as can be read side by side; the platform gives 20 at once at most. */
export const CHOSEN_MAX = 8
const NAME_MAX_BYTES = 256
const CONTROL = /\p{Cc}/u

export type NameProblem = 'empty' | 'tooLong' | 'control'

/** Why this can't be a signal's name, as the platform sees it. */
export function problemOf(name: string): NameProblem | undefined {
  if (name === '') return 'empty'
  if (new TextEncoder().encode(name).length > NAME_MAX_BYTES) return 'tooLong'
  return CONTROL.test(name) ? 'control' : undefined
}

/** Of these names those that can be signals, each once, no more than there is room for. */
export function chosenOf(names: readonly string[]): string[] {
  const can = names.filter((name) => problemOf(name) === undefined)
  return [...new Set(can)].slice(0, CHOSEN_MAX)
}

const key = (personId: string) => `millwright.fleet.signals.${personId}`

export function remembered(personId: string): string[] {
  try {
    const value: unknown = JSON.parse(localStorage.getItem(key(personId)) ?? '[]')
    return Array.isArray(value) ? chosenOf(value.filter((each) => typeof each === 'string')) : []
  } catch {
    return []
  }
}

export function remember(personId: string, signals: readonly string[]): void {
  if (signals.length === 0) localStorage.removeItem(key(personId))
  else localStorage.setItem(key(personId), JSON.stringify(signals))
}
