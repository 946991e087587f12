/** Newest values of some signals over the fleet, and which signals there are. */
import { useQuery } from '@tanstack/react-query'
import { client, take } from './client'
import type { MachineLatest, Page } from './types'

/** Machines a page: the most that the platform gives. */
export const LATEST_PAGE = 500
/** Which signals machines have changes seldom. */
const NAMES_STALE_MS = 5 * 60_000

/** One page of machines with the newest values of these signals, 1 to 20; decommissioned ones aren't in it. */
export function askLatest(
  signals: readonly string[],
  cursor: string | undefined,
  stop: AbortSignal,
): Promise<Page<MachineLatest>> {
  return take(
    client.GET('/api/v1/telemetry/latest', {
      params: { query: { signal: [...signals], cursor, limit: LATEST_PAGE } },
      querySerializer: { array: { style: 'form', explode: true } },
      signal: stop,
    }),
  )
}

/** Names of the signals that any of these machines has; they are asked one after the other. */
export function useSignalNames(machines: readonly string[], options: { enabled: boolean }) {
  return useQuery({
    queryKey: ['signal-names', machines],
    queryFn: async ({ signal: stop }): Promise<string[]> => {
      const names = new Set<string>()
      for (const id of machines) {
        const page = await take(
          client.GET('/api/v1/machines/{id}/signals', {
            params: { path: { id }, query: { limit: 500 } },
            signal: stop,
          }),
        )
        for (const { signal } of page.items) names.add(signal)
      }
      return [...names]
    },
    enabled: options.enabled && machines.length > 0,
    staleTime: NAMES_STALE_MS,
  })
}
