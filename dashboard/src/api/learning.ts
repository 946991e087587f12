/** How far rules that learn have come with a machine. */
import { useQuery } from '@tanstack/react-query'
import { client, take } from './client'

/** The platform stores it every few minutes. */
const REFETCH_MS = 60_000

export function useLearning(machineId: string) {
  return useQuery({
    queryKey: ['machines', machineId, 'learning'],
    queryFn: () =>
      take(client.GET('/api/v1/machines/{id}/learning', { params: { path: { id: machineId } } })),
    refetchInterval: REFETCH_MS,
  })
}
