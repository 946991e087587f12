import { useEffect, useMemo, useState, useSyncExternalStore } from 'react'
import { askLatest } from '../../../api/latest'
import { onRecovery } from '../../../api/readiness'
import type { Machine } from '../../../api/types'
import { type Snapshot, ValuesFollower } from './valuesFollower'

export interface FleetValues extends Snapshot {
  /** Says which machines are looked at. */
  see: (machines: readonly string[]) => void
  retry: () => void
}

/** The newest values of these signals, of the machines that are looked at, while the page is open. */
export function useValues(signals: readonly string[]): FleetValues {
  const [follower] = useState(() => new ValuesFollower(askLatest))
  const wanted = JSON.stringify(signals)
  useEffect(() => follower.follow(JSON.parse(wanted) as string[]), [follower, wanted])
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

/** Tells whose values are needed; machines out of use have none. */
export function useSeen(
  machines: readonly Machine[],
  onSeen: (machines: readonly string[]) => void,
): void {
  const ids = useMemo(
    () =>
      machines
        .filter(({ state }) => state !== 'decommissioned')
        .map(({ id }) => id)
        .join(' '),
    [machines],
  )
  useEffect(() => onSeen(ids === '' ? [] : ids.split(' ')), [ids, onSeen])
  useEffect(() => () => onSeen([]), [onSeen])
}
