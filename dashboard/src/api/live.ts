/** A machine's samples as they come in. */
import { useEffect, useRef } from 'react'
import { follow } from './follow'
import type { LiveSample } from './types'

/**
 * Calls `onSample` for each new sample of the machine while the component is shown. At most 20
 * signals; none: all of them.
 */
export function useLiveSamples(
  machineId: string | undefined,
  signals: readonly string[],
  onSample: (sample: LiveSample) => void,
): void {
  const latest = useRef(onSample)
  useEffect(() => {
    latest.current = onSample
  })
  const wanted = JSON.stringify(signals)
  useEffect(() => {
    if (!machineId) return
    const query = new URLSearchParams({ machine_id: machineId })
    for (const signal of JSON.parse(wanted) as string[]) query.append('signal', signal)
    return follow({
      url: () => `/api/v1/telemetry/stream?${query}`,
      onMessage: (message) => latest.current(JSON.parse(message.data) as LiveSample),
    })
  }, [machineId, wanted])
}
