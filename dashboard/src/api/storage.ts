/** What stored data take up, and how the work on them goes. */
import { useQuery } from '@tanstack/react-query'
import { client, take } from './client'

/** It is counted signal by signal, so it isn't asked for again and again. */
const COUNTED_STALE_MS = 60_000

/** The database as a whole; for who may decide how long data are kept. */
export function useStorage() {
  return useQuery({
    queryKey: ['storage'],
    queryFn: () => take(client.GET('/api/v1/storage')),
    refetchInterval: 30_000,
  })
}

/** Machines of which most was stored in the last day. */
export function useStorageGrowth() {
  return useQuery({
    queryKey: ['storage-growth'],
    queryFn: () => take(client.GET('/api/v1/storage/machines')),
    staleTime: COUNTED_STALE_MS,
  })
}

/** What a machine's signals take up, the largest first. */
export function useMachineStorage(machineId: string) {
  return useQuery({
    queryKey: ['machine-storage', machineId],
    queryFn: () =>
      take(client.GET('/api/v1/machines/{id}/storage', { params: { path: { id: machineId } } })),
    staleTime: COUNTED_STALE_MS,
  })
}
