/** A machine's newest value of a signal, as the list shows and sorts it. Pure. */
import type { Machine, Signal } from '../../../api/types'
import type { MachineValues, Snapshot } from './valuesFollower'

/** The value, or why there is none: it isn't there yet, or the machine doesn't have the signal or is out of use. */
export type Newest = Signal | 'waiting' | 'none' | 'outOfUse'

export function newestOf(
  machine: Machine,
  values: MachineValues | undefined,
  signal: string,
): Newest {
  if (machine.state === 'decommissioned') return 'outOfUse'
  if (!values?.asked.includes(signal)) return 'waiting'
  return values.of.get(signal) ?? 'none'
}

/** What it is sorted by: a number or a text; undefined where nothing is known. */
export function valueKey(newest: Newest): number | string | undefined {
  if (typeof newest === 'string') return undefined
  const { value } = newest
  if (typeof value === 'boolean') return value ? 1 : 0
  return typeof value === 'number' || typeof value === 'string' ? value : undefined
}

/** How far an order by a signal's values can be trusted. */
export interface Order {
  /** Machines whose values aren't there yet. */
  waiting: number
  /** In which units the values are; numbers of different ones can't be compared. */
  units: string[]
}

export function orderBy(
  signal: string,
  machines: readonly Machine[],
  values: Snapshot['values'],
): Order {
  const units = new Set<string>()
  let waiting = 0
  for (const machine of machines) {
    const newest = newestOf(machine, values.get(machine.id), signal)
    if (newest === 'waiting') waiting += 1
    else if (typeof newest !== 'string' && typeof newest.value === 'number')
      units.add(newest.unit ?? '')
  }
  return { waiting, units: [...units].sort() }
}
