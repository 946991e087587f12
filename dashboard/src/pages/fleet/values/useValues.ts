import { useEffect, useState, useSyncExternalStore } from 'react'
import { askLatest } from '../../../api/latest'
import { onRecovery } from '../../../api/readiness'
import type { Machine, Signal } from '../../../api/types'
import { type MachineValues, type Snapshot, ValuesFollower } from './valuesFollower'

export interface FleetValues extends Snapshot {
  /** Says which machines are looked at. */
  see: (machines: readonly string[]) => void
  retry: () => void
}

/** The newest values of these signals while the list is open; `all`: of all machines, to sort by them. */
export function useValues(signals: readonly string[], all: boolean): FleetValues {
  const [follower] = useState(() => new ValuesFollower(askLatest))
  const wanted = JSON.stringify(signals)
  useEffect(() => follower.follow(JSON.parse(wanted) as string[]), [follower, wanted])
  useEffect(() => follower.needAll(all), [follower, all])
  useEffect(() => {
    const look = () => (document.hidden ? follower.rest() : follower.resume())
    look()
    document.addEventListener('visibilitychange', look)
    const stopHearing = onRecovery(follower.retry)
    return () => {
      document.removeEventListener('visibilitychange', look)
      stopHearing()
      follower.stop()
    }
  }, [follower])
  const snapshot = useSyncExternalStore(follower.subscribe, follower.snapshot)
  return { ...snapshot, see: follower.see, retry: follower.retry }
}

/** Tells which of these machines are looked at; those out of use have no newest values. */
export function useSeen(
  machines: readonly Machine[],
  onSeen: (machines: readonly string[]) => void,
): void {
  const ids = machines
    .filter(({ state }) => state !== 'decommissioned')
    .map(({ id }) => id)
    .join(' ')
  useEffect(() => onSeen(ids === '' ? [] : ids.split(' ')), [ids, onSeen])
  useEffect(() => () => onSeen([]), [onSeen])
}

/** A machine's newest value, or why there is none. */
export type Newest = Signal | 'waiting' | 'none'

export function newestOf(
  machine: Machine,
  values: MachineValues | undefined,
  signal: string,
): Newest {
  if (machine.state === 'decommissioned') return 'none'
  if (!values?.asked.includes(signal)) return 'waiting'
  return values.of.get(signal) ?? 'none'
}

/** What it is sorted by: a number or a text; what isn't there has no place. */
export function valueKey(newest: Newest): number | string | undefined {
  if (typeof newest === 'string') return undefined
  const { value } = newest
  if (typeof value === 'boolean') return value ? 1 : 0
  return typeof value === 'number' || typeof value === 'string' ? value : undefined
}
