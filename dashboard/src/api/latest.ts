/** Newest values of some signals over the fleet, and which signals there are. */
import { useQuery } from '@tanstack/react-query'
import { client, take } from './client'
import type { MachineLatest, Page } from './types'

/** Machines a page: the most that the platform gives. */
export const LATEST_PAGE = 500
/** Which signals machines have changes seldom. */
const NAMES_STALE_MS = 5 * 60_000
/** Names a page, and pages of a machine: together as many signals as a machine may have by default. */
const NAMES_PAGE = 500
const NAMES_PAGES_MAX = 4

/** Whose values are asked for: of these machines, up to 200, or of the page of the fleet that begins here. */
export type LatestOf = { machines: readonly string[] } | { cursor: string | undefined }

/** Machines with the newest values of these signals, 1 to 20; decommissioned ones aren't among them. */
export function askLatest(
  signals: readonly string[],
  of: LatestOf,
  stop: AbortSignal,
): Promise<Page<MachineLatest>> {
  const which = 'machines' in of ? { machine_id: [...of.machines] } : { cursor: of.cursor }
  return take(
    client.GET('/api/v1/telemetry/latest', {
      params: { query: { signal: [...signals], ...which, limit: LATEST_PAGE } },
      querySerializer: { array: { style: 'form', explode: true } },
      signal: stop,
    }),
  )
}

/** Names of signals, and of how many machines they are. */
export interface SignalNames {
  names: string[]
  machines: number
}

/** Names of the signals that any of these machines has; without those that can't be asked, unless none can. */
export function useSignalNames(machines: readonly string[], options: { enabled: boolean }) {
  return useQuery({
    queryKey: ['signal-names', machines],
    queryFn: ({ signal: stop }) => namesOfAll(machines, stop),
    enabled: options.enabled && machines.length > 0,
    staleTime: NAMES_STALE_MS,
  })
}

/** The machines are asked one after the other. */
async function namesOfAll(machines: readonly string[], stop: AbortSignal): Promise<SignalNames> {
  const names = new Set<string>()
  let answered = 0
  let failure: unknown
  for (const machine of machines) {
    try {
      for (const name of await namesOf(machine, stop)) names.add(name)
      answered += 1
    } catch (error) {
      if (stop.aborted) throw error
      failure ??= error
    }
  }
  if (answered === 0) throw failure
  return { names: [...names], machines: answered }
}

async function namesOf(id: string, stop: AbortSignal): Promise<string[]> {
  const names: string[] = []
  let cursor: string | undefined
  for (let pages = 0; pages < NAMES_PAGES_MAX; pages += 1) {
    const page = await take(
      client.GET('/api/v1/machines/{id}/signals', {
        params: { path: { id }, query: { limit: NAMES_PAGE, cursor } },
        signal: stop,
      }),
    )
    names.push(...page.items.map(({ signal }) => signal))
    cursor = page.next_cursor ?? undefined
    if (cursor === undefined) break
  }
  return names
}
