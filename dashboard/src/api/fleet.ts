/** The whole fleet, kept current machine by machine: thousands are not loaded again for one. */
import {
  type InfiniteData,
  type QueryClient,
  useInfiniteQuery,
  useQuery,
  useQueryClient,
} from '@tanstack/react-query'
import { useEffect, useMemo } from 'react'
import { client, take } from './client'
import { onEvent } from './events'
import type { MachineFilter } from './machines'
import { ROWS_MAX } from './pages'
import type { DomainEvent, Machine, Page } from './types'

const PAGE = 500
/** Changes that come together are fetched together, so often at most. */
const GATHER_MS = 1_000
/** So many changed machines are fetched one by one; when there are more, the list is. */
const SINGLY_MAX = 20
/** For what no event tells, such as the last contact. */
const REFRESH_MS = 60_000

type Fleet = InfiniteData<Page<Machine>>

/** Machines, the first page at once, the others after it, up to `ROWS_MAX`. */
export function useFleet(filter: MachineFilter = {}) {
  const queries = useQueryClient()
  const query = useInfiniteQuery({
    queryKey: ['fleet', filter],
    queryFn: ({ pageParam }): Promise<Page<Machine>> =>
      take(
        client.GET('/api/v1/machines', {
          params: { query: { ...filter, cursor: pageParam, limit: PAGE } },
        }),
      ),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page) => page.next_cursor ?? undefined,
    refetchInterval: REFRESH_MS,
  })
  const machines = useMemo(
    () => query.data?.pages.flatMap((page) => page.items) ?? [],
    [query.data],
  )
  const { hasNextPage, isFetching, isError, fetchNextPage } = query
  const more = hasNextPage && machines.length < ROWS_MAX
  useEffect(() => {
    if (more && !isFetching && !isError) void fetchNextPage()
  }, [more, isFetching, isError, fetchNextPage])
  useEffect(() => onEvent(follower(queries)), [queries])
  return {
    machines,
    /** Whether more are still on their way. */
    isFilling: more,
    isPending: query.isPending,
    error: query.error,
    refetch: () => void query.refetch(),
  }
}

/** Whose row an event makes old. */
export function machineOf(event: DomainEvent): string | undefined {
  if (event.subject.kind === 'machine') return event.subject.id
  const of = event.subject.kind === 'alarm' ? event.data.machine_id : undefined
  return typeof of === 'string' ? of : undefined
}

function follower(queries: QueryClient): (event: DomainEvent) => void {
  let changed = new Set<string>()
  const refresh = () => {
    const ids = [...changed]
    changed = new Set()
    if (ids.length > SINGLY_MAX) void queries.invalidateQueries({ queryKey: ['fleet'] })
    else void Promise.all(ids.map((id) => refreshOne(queries, id)))
  }
  return (event) => {
    const id = machineOf(event)
    if (!id) return
    // A new machine has no row yet; whether a filter lets it in is the platform's to say.
    if (event.type === 'machine.created') void queries.invalidateQueries({ queryKey: ['fleet'] })
    if (changed.size === 0) setTimeout(refresh, GATHER_MS)
    changed.add(id)
  }
}

async function refreshOne(queries: QueryClient, id: string): Promise<void> {
  const fresh = await take(client.GET('/api/v1/machines/{id}', { params: { path: { id } } })).catch(
    () => undefined,
  )
  if (!fresh) return
  queries.setQueryData(['machines', id], fresh)
  queries.setQueriesData<Fleet>(
    { queryKey: ['fleet'] },
    (fleet) => fleet && withMachine(fleet, fresh),
  )
}

/** The fleet with the machine's row in its newest state. */
export function withMachine(fleet: Fleet, fresh: Machine): Fleet {
  const isIn = (page: Page<Machine>) => page.items.some((machine) => machine.id === fresh.id)
  if (!fleet.pages.some(isIn)) return fleet
  const replaced = (page: Page<Machine>): Page<Machine> => ({
    ...page,
    items: page.items.map((machine) => (machine.id === fresh.id ? fresh : machine)),
  })
  return { ...fleet, pages: fleet.pages.map((page) => (isIn(page) ? replaced(page) : page)) }
}

/** A machine's name where only its id is known; names change seldom. */
export function useMachineName(id: string | null | undefined): string | undefined {
  const { data } = useQuery({
    queryKey: ['machine-names', id],
    queryFn: async () =>
      (await take(client.GET('/api/v1/machines/{id}', { params: { path: { id: id ?? '' } } })))
        .name,
    enabled: !!id,
    staleTime: 5 * 60_000,
  })
  return data
}
