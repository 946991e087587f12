/** What a machine's signals take up. Pure. */
import type { MachineStorage, SignalStorage } from '../../api/types'

/** Rows that are shown; a name narrows them. */
export const ROWS_MAX = 200

/** Values of all signals together. */
export function totalsOf({ signals }: MachineStorage): { points: number; rollups: number } {
  const sum = (of: (signal: SignalStorage) => number) =>
    signals.reduce((total, signal) => total + of(signal), 0)
  return { points: sum(({ points }) => points), rollups: sum(({ rollups }) => rollups) }
}

/** A part of the whole, from 0 to 1. */
export function shareOf(bytes: number, total: number): number {
  return total > 0 ? bytes / total : 0
}

/** Signals with this in their names, as many as are shown, and how many more there are. */
export function narrowed(
  signals: readonly SignalStorage[],
  filter: string,
): { rows: readonly SignalStorage[]; left: number } {
  const wanted = filter.trim().toLowerCase()
  const found = signals.filter(({ signal }) => signal.toLowerCase().includes(wanted))
  const rows = found.slice(0, ROWS_MAX)
  return { rows, left: found.length - rows.length }
}
