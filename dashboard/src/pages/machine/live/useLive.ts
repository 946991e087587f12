import { useEffect, useState, useSyncExternalStore } from 'react'
import { useLiveSamples } from '../../../api/live'
import { LiveStore, type Snapshot } from './liveStore'

/** Up to so many signals, all of them are followed, for the table of newest values too. */
const FOLLOW_ALL_MAX = 100

/** The machine's samples as they come; of the chosen signals all, of the others the newest. */
export function useLive(
  machineId: string,
  chosen: readonly string[],
  options: { signals: number; isPaused: boolean },
): { snapshot: Snapshot; store: LiveStore } {
  const [store] = useState(() => new LiveStore())
  useEffect(() => store.keep(chosen), [store, chosen])
  const all = options.signals <= FOLLOW_ALL_MAX
  useLiveSamples(options.isPaused ? undefined : machineId, all ? [] : chosen, (sample) =>
    store.add(sample),
  )
  return { snapshot: useSyncExternalStore(store.subscribe, store.snapshot), store }
}
