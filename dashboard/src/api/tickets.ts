/** Tickets with their comments and evidence. */
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { client, ifMatch, newKey, take } from './client'
import { useList } from './pages'
import type { paths } from './schema'
import type { CreateTicket, MoveTicket, SplitTicket, Ticket, UpdateTicket } from './types'

export type TicketFilter = Omit<
  NonNullable<paths['/api/v1/tickets']['get']['parameters']['query']>,
  'limit' | 'cursor'
>

/** Newest first. */
export function useTickets(filter: TicketFilter = {}, options: { limit?: number } = {}) {
  const limit = options.limit ?? 100
  return useList(['tickets', 'list', filter, limit], (cursor) =>
    take(client.GET('/api/v1/tickets', { params: { query: { ...filter, cursor, limit } } })),
  )
}

export function useTicket(id: string | undefined) {
  return useQuery({
    queryKey: ['tickets', id],
    queryFn: () => take(client.GET('/api/v1/tickets/{id}', { params: { path: { id: id ?? '' } } })),
    enabled: id !== undefined,
  })
}

/** What was said and done, oldest first. */
export function useComments(ticketId: string) {
  return useList(
    ['tickets', ticketId, 'comments'],
    (cursor) =>
      take(
        client.GET('/api/v1/tickets/{id}/comments', {
          params: { path: { id: ticketId }, query: { cursor, limit: 200 } },
        }),
      ),
    { all: true },
  )
}

/** How often is asked for evidence that is still being collected. */
const EVIDENCE_AGAIN_MS = 15_000

/** What the machine measured around each alarm, as it was copied then. */
export function useEvidence(ticketId: string) {
  return useQuery({
    queryKey: ['tickets', ticketId, 'evidence'],
    queryFn: () =>
      take(client.GET('/api/v1/tickets/{id}/evidence', { params: { path: { id: ticketId } } })),
    // No event tells when it is complete.
    refetchInterval: ({ state }) =>
      state.data?.items.some((one) => one.taken_at < one.to) || state.data?.items.length === 0
        ? EVIDENCE_AGAIN_MS
        : false,
  })
}

function useTicketMutation<V>(mutationFn: (variables: V) => Promise<Ticket>) {
  const queries = useQueryClient()
  return useMutation({
    mutationFn,
    // Only where a ticket is asked for does it come with its alarms.
    onSuccess: (ticket) =>
      queries.setQueryData<Ticket>(['tickets', ticket.id], (before) => ({
        ...ticket,
        alarm_list: ticket.alarm_list ?? before?.alarm_list,
      })),
    onSettled: () => queries.invalidateQueries({ queryKey: ['tickets'] }),
  })
}

export function useCreateTicket() {
  return useTicketMutation(({ body, key }: { body: CreateTicket; key: string }) =>
    take(client.POST('/api/v1/tickets', { body, headers: { 'Idempotency-Key': key } })),
  )
}

export function useUpdateTicket() {
  return useTicketMutation(({ ticket, change }: { ticket: Ticket; change: UpdateTicket }) =>
    take(
      client.PATCH('/api/v1/tickets/{id}', {
        params: { path: { id: ticket.id }, header: ifMatch(ticket) },
        body: change,
      }),
    ),
  )
}

export function useMoveTicket() {
  return useTicketMutation(({ ticket, move }: { ticket: Ticket; move: MoveTicket }) =>
    take(
      client.POST('/api/v1/tickets/{id}/move', {
        params: { path: { id: ticket.id }, header: ifMatch(ticket) },
        body: move,
      }),
    ),
  )
}

/** Takes alarms out; gives the ticket that they are on then. */
export function useSplitTicket() {
  return useTicketMutation(
    ({ ticketId, body, key }: { ticketId: string; body: SplitTicket; key: string }) =>
      take(
        client.POST('/api/v1/tickets/{id}/split', {
          params: { path: { id: ticketId } },
          body,
          headers: { 'Idempotency-Key': key },
        }),
      ),
  )
}

export function useWriteComment() {
  const queries = useQueryClient()
  return useMutation({
    mutationFn: ({ ticketId, text }: { ticketId: string; text: string }) =>
      take(
        client.POST('/api/v1/tickets/{id}/comments', {
          params: { path: { id: ticketId } },
          body: { text },
          headers: { 'Idempotency-Key': newKey() },
        }),
      ),
    onSuccess: (_, { ticketId }) =>
      queries.invalidateQueries({ queryKey: ['tickets', ticketId, 'comments'] }),
  })
}
