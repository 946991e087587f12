/** Limits of a machine's own, to which rules refer by name. */
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { client, ifMatch, take } from './client'
import type { Machine } from './types'

/** Puts these in the place of all parameters of the machine, as it was read. */
export function useSetParameters() {
  const queries = useQueryClient()
  return useMutation({
    mutationFn: ({
      machine,
      parameters,
    }: {
      machine: Machine
      parameters: Record<string, number>
    }) =>
      take(
        client.PATCH('/api/v1/machines/{id}', {
          params: { path: { id: machine.id }, header: ifMatch(machine) },
          body: { parameters },
        }),
      ),
    onSettled: () => queries.invalidateQueries({ queryKey: ['machines'] }),
  })
}
