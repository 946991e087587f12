/** Which signals of a machine are in its chart, remembered in this browser. */
import type { Signal } from '../../../api/types'

export const CHOSEN_MAX = 8
const NUMBERS_FIRST = 3

function key(machineId: string): string {
  return `millwright.signals.${machineId}`
}

/** What was chosen and still exists, else a few numbers and the first state in words. */
export function chosenOf(remembered: string | null, signals: readonly Signal[]): string[] {
  const known = new Set(signals.map(({ signal }) => signal))
  const chosen = parse(remembered).filter((signal) => known.has(signal))
  return chosen.length > 0 ? chosen.slice(0, CHOSEN_MAX) : defaults(signals)
}

function defaults(signals: readonly Signal[]): string[] {
  const of = (kind: Signal['kind']) => signals.filter((signal) => signal.kind === kind)
  const numbers = of('number').slice(0, NUMBERS_FIRST)
  const states = of('text').slice(0, 1)
  const found = numbers.length + states.length > 0 ? [...numbers, ...states] : of('boolean')
  return found.slice(0, CHOSEN_MAX).map(({ signal }) => signal)
}

function parse(text: string | null): string[] {
  try {
    const value: unknown = JSON.parse(text ?? '[]')
    return Array.isArray(value) ? value.filter((each) => typeof each === 'string') : []
  } catch {
    return []
  }
}

export function remembered(machineId: string): string | null {
  return localStorage.getItem(key(machineId))
}

export function remember(machineId: string, signals: readonly string[]): void {
  localStorage.setItem(key(machineId), JSON.stringify(signals))
}
