/** Commands, and what machines can be told to do. */
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { client, take } from './client'
import { useList } from './pages'
import type { paths } from './schema'
import type { Command, CommandState, IssueCommand } from './types'

export type CommandFilter = Omit<
  NonNullable<paths['/api/v1/commands']['get']['parameters']['query']>,
  'limit' | 'cursor'
>

const FINAL: readonly CommandState[] = [
  'succeeded',
  'failed',
  'timed_out',
  'rejected',
  'canceled',
  'expired',
  'interrupted',
]

/** Whether nothing changes any more. */
export function isFinal(state: CommandState): boolean {
  return FINAL.includes(state)
}

/** Newest first. */
export function useCommands(filter: CommandFilter = {}, options: { limit?: number } = {}) {
  const limit = options.limit ?? 50
  return useList(['commands', 'list', filter, limit], (cursor) =>
    take(client.GET('/api/v1/commands', { params: { query: { ...filter, cursor, limit } } })),
  )
}

/** One command; asked for again while it runs, beside what the events tell. */
export function useCommand(id: string | undefined) {
  return useQuery({
    queryKey: ['commands', id],
    queryFn: () =>
      take(client.GET('/api/v1/commands/{id}', { params: { path: { id: id ?? '' } } })),
    enabled: id !== undefined,
    refetchInterval: (query) =>
      query.state.data && isFinal(query.state.data.state) ? false : 5_000,
  })
}

/** What the machine itself says it can do. */
export function useCatalogue(machineId: string | undefined) {
  return useQuery({
    queryKey: ['machines', machineId, 'catalogue'],
    queryFn: () =>
      take(
        client.GET('/api/v1/machines/{id}/catalogue', {
          params: { path: { id: machineId ?? '' } },
        }),
      ),
    enabled: machineId !== undefined,
  })
}

/** `key`: one for each time that the form is sent by a person, so that a repeat issues nothing. */
export function useIssueCommand() {
  const queries = useQueryClient()
  return useMutation({
    mutationFn: ({
      machineId,
      body,
      key,
    }: {
      machineId: string
      body: IssueCommand
      key: string
    }) =>
      take(
        client.POST('/api/v1/machines/{id}/commands', {
          params: { path: { id: machineId } },
          body,
          headers: { 'Idempotency-Key': key },
        }),
      ),
    onSettled: () => queries.invalidateQueries({ queryKey: ['commands'] }),
  })
}

export function useCancelCommand() {
  return useCommandMutation((command: Command) =>
    take(client.POST('/api/v1/commands/{id}/cancel', { params: { path: { id: command.id } } })),
  )
}

/** A second person's word on a command that waits for it. */
export function useDecideCommand() {
  return useCommandMutation(
    ({ command, approve, reason }: { command: Command; approve: boolean; reason?: string }) =>
      take(
        client.POST('/api/v1/commands/{id}/decision', {
          params: { path: { id: command.id } },
          body: { approve, reason },
        }),
      ),
  )
}

function useCommandMutation<V>(mutationFn: (variables: V) => Promise<Command>) {
  const queries = useQueryClient()
  return useMutation({
    mutationFn,
    onSuccess: (command) => queries.setQueryData(['commands', command.id], command),
    onSettled: () => queries.invalidateQueries({ queryKey: ['commands'] }),
  })
}
