/** Machines, what they measure, their identity and their losses. */
import { keepPreviousData, useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { client, ifMatch, newKey, take } from './client'
import { useList } from './pages'
import type { paths } from './schema'
import type { CreateMachine, Machine, Site } from './types'

export type MachineFilter = Omit<
  NonNullable<paths['/api/v1/machines']['get']['parameters']['query']>,
  'limit' | 'cursor'
>

/** Machines with their connection; with `all`, the whole fleet, page after page. */
export function useMachines(
  filter: MachineFilter = {},
  options: { all?: boolean; limit?: number; enabled?: boolean } = {},
) {
  return useList(
    ['machines', 'list', filter, options.limit ?? 500],
    (cursor) =>
      take(
        client.GET('/api/v1/machines', {
          params: { query: { ...filter, cursor, limit: options.limit ?? 500 } },
        }),
      ),
    { all: options.all, enabled: options.enabled, refetchMs: 60_000 },
  )
}

export function useMachine(id: string | undefined) {
  return useQuery({
    queryKey: ['machines', id],
    queryFn: () =>
      take(client.GET('/api/v1/machines/{id}', { params: { path: { id: id ?? '' } } })),
    enabled: id !== undefined,
    refetchInterval: 15_000,
  })
}

export function useSites() {
  return useQuery({
    queryKey: ['organizations', 'sites'],
    queryFn: async () => {
      const found: Site[] = []
      let cursor: string | undefined
      do {
        const page = await take(
          client.GET('/api/v1/sites', { params: { query: { limit: 500, cursor } } }),
        )
        found.push(...page.items)
        cursor = page.next_cursor ?? undefined
      } while (cursor && found.length < 5_000)
      return found
    },
    staleTime: 60_000,
  })
}

export function useOrganizations() {
  return useQuery({
    queryKey: ['organizations', 'list'],
    queryFn: () => take(client.GET('/api/v1/organizations', { params: { query: { limit: 500 } } })),
    staleTime: 60_000,
  })
}

/** Latest values of all of a machine's signals. */
export function useSignals(
  machineId: string,
  options: { refetchMs?: number; enabled?: boolean } = {},
) {
  return useQuery({
    queryKey: ['signals', machineId],
    queryFn: () =>
      take(
        client.GET('/api/v1/machines/{id}/signals', {
          params: { path: { id: machineId }, query: { limit: 500 } },
        }),
      ),
    enabled: options.enabled,
    refetchInterval: options.refetchMs ?? 30_000,
  })
}

/** Signals over time. `from` and `to` in Unix milliseconds. */
export function useTelemetry(
  machineId: string,
  query: { signals: string[]; from: number; to: number; points: number },
  options: { enabled?: boolean } = {},
) {
  const { signals, from, to, points } = query
  return useQuery({
    queryKey: ['telemetry', machineId, signals, from, to, points],
    queryFn: () =>
      take(
        client.GET('/api/v1/machines/{id}/telemetry', {
          params: {
            path: { id: machineId },
            query: {
              signal: signals,
              from: String(Math.round(from)),
              to: String(Math.round(to)),
              points,
            },
          },
          querySerializer: { array: { style: 'form', explode: true } },
        }),
      ),
    enabled: (options.enabled ?? true) && signals.length > 0,
    placeholderData: keepPreviousData,
  })
}

/** What the machine has reported: faults, starts, consents … Newest first. */
export function useMachineEvents(machineId: string, type?: string) {
  return useList(['machines', machineId, 'events', type], (cursor) =>
    take(
      client.GET('/api/v1/machines/{id}/events', {
        params: { path: { id: machineId }, query: { type, cursor, limit: 50 } },
      }),
    ),
  )
}

export function useLoss(machineId: string) {
  return useQuery({
    queryKey: ['loss', machineId],
    queryFn: () =>
      take(client.GET('/api/v1/machines/{id}/loss', { params: { path: { id: machineId } } })),
    refetchInterval: 30_000,
  })
}

export function useQuarantine(machineId: string) {
  return useList(['quarantine', machineId], (cursor) =>
    take(
      client.GET('/api/v1/machines/{id}/quarantine', {
        params: { path: { id: machineId }, query: { cursor, limit: 50 } },
      }),
    ),
  )
}

export function useCertificates(machineId: string) {
  return useQuery({
    queryKey: ['machines', machineId, 'certificates'],
    queryFn: () =>
      take(
        client.GET('/api/v1/machines/{id}/certificates', { params: { path: { id: machineId } } }),
      ),
  })
}

export function useMaintenance(machineId: string) {
  return useQuery({
    queryKey: ['machines', machineId, 'maintenance'],
    queryFn: () =>
      take(
        client.GET('/api/v1/machines/{id}/maintenance', { params: { path: { id: machineId } } }),
      ),
  })
}

export function useCreateMachine() {
  const queries = useQueryClient()
  return useMutation({
    mutationFn: ({ body, key }: { body: CreateMachine; key: string }) =>
      take(client.POST('/api/v1/machines', { body, headers: { 'Idempotency-Key': key } })),
    onSuccess: () => queries.invalidateQueries({ queryKey: ['machines'] }),
  })
}

export function useCreateSite() {
  const queries = useQueryClient()
  return useMutation({
    mutationFn: (body: { name: string; time_zone: string; organization_id?: string }) =>
      take(
        client.POST('/api/v1/sites', {
          body: { ...body, external_ids: {} },
          headers: { 'Idempotency-Key': newKey() },
        }),
      ),
    onSuccess: () => queries.invalidateQueries({ queryKey: ['organizations'] }),
  })
}

export function useCreateEnrollmentCode() {
  return useMutation({
    mutationFn: (machineId: string) =>
      take(
        client.POST('/api/v1/machines/{id}/enrollment-codes', {
          params: { path: { id: machineId } },
          body: {},
        }),
      ),
  })
}

/** Device tokens without their secrets, newest first. */
export function useDeviceTokens(machineId: string) {
  return useQuery({
    queryKey: ['machines', machineId, 'device-tokens'],
    queryFn: () =>
      take(
        client.GET('/api/v1/machines/{id}/device-tokens', { params: { path: { id: machineId } } }),
      ),
  })
}

export function useCreateDeviceToken() {
  return useMutation({
    mutationFn: (machineId: string) =>
      take(
        client.POST('/api/v1/machines/{id}/device-tokens', { params: { path: { id: machineId } } }),
      ),
  })
}

type Action =
  | { machine: Machine; kind: 'decommission' }
  | StartMaintenance
  | { machine: Machine; kind: 'end_maintenance' }
interface StartMaintenance {
  machine: Machine
  kind: 'start_maintenance'
  forS: number
  reason: string
}

/** Maintenance mode on and off, and taking a machine out of use. */
export function useMachineAction() {
  const queries = useQueryClient()
  return useMutation({
    mutationFn: async (action: Action): Promise<void> => {
      const params = { path: { id: action.machine.id } }
      switch (action.kind) {
        case 'start_maintenance':
          await take(
            client.PUT('/api/v1/machines/{id}/maintenance', {
              params,
              body: { for_s: action.forS, reason: action.reason },
            }),
          )
          return
        case 'end_maintenance':
          await take(client.DELETE('/api/v1/machines/{id}/maintenance', { params }))
          return
        case 'decommission':
          await take(client.POST('/api/v1/machines/{id}/decommission', { params }))
      }
    },
    onSettled: () => queries.invalidateQueries({ queryKey: ['machines'] }),
  })
}

/** Has rules that learn forget what they have learned of the machine. */
export function useRelearn() {
  const queries = useQueryClient()
  return useMutation({
    mutationFn: (machineId: string) =>
      take(client.POST('/api/v1/machines/{id}/relearn', { params: { path: { id: machineId } } })),
    onSettled: () => queries.invalidateQueries({ queryKey: ['machines'] }),
  })
}

export function useRevokeCertificate() {
  const queries = useQueryClient()
  return useMutation({
    mutationFn: ({
      machineId,
      serial,
      reason,
    }: {
      machineId: string
      serial: string
      reason: string
    }) =>
      take(
        client.POST('/api/v1/machines/{id}/certificates/{serial}/revoke', {
          params: { path: { id: machineId, serial } },
          body: { reason },
        }),
      ),
    onSettled: () => queries.invalidateQueries({ queryKey: ['machines'] }),
  })
}

export function useRenameMachine() {
  const queries = useQueryClient()
  return useMutation({
    mutationFn: ({ machine, name }: { machine: Machine; name: string }) =>
      take(
        client.PATCH('/api/v1/machines/{id}', {
          params: { path: { id: machine.id }, header: ifMatch(machine) },
          body: { name },
        }),
      ),
    onSettled: () => queries.invalidateQueries({ queryKey: ['machines'] }),
  })
}
