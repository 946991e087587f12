/** Alarms. */
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { client, take } from './client'
import { useList } from './pages'
import { troubleOf } from './problem'
import type { paths } from './schema'
import type { Alarm, FeedbackVerdict } from './types'

export type AlarmFilter = Omit<
  NonNullable<paths['/api/v1/alarms']['get']['parameters']['query']>,
  'limit' | 'cursor'
>

/** Newest first. */
export function useAlarms(filter: AlarmFilter = {}, options: { limit?: number } = {}) {
  const limit = options.limit ?? 100
  return useList(['alarms', 'list', filter, limit], (cursor) =>
    take(client.GET('/api/v1/alarms', { params: { query: { ...filter, cursor, limit } } })),
  )
}

export function useAlarm(id: string | undefined) {
  return useQuery({
    queryKey: ['alarms', id],
    queryFn: () => take(client.GET('/api/v1/alarms/{id}', { params: { path: { id: id ?? '' } } })),
    enabled: id !== undefined,
  })
}

/** What late samples have shown of a machine's alarms, newest first. */
export function useRevisions(machineId: string) {
  return useList(['alarms', 'revisions', machineId], (cursor) =>
    take(
      client.GET('/api/v1/machines/{id}/revisions', {
        params: { path: { id: machineId }, query: { cursor, limit: 50 } },
      }),
    ),
  )
}

export type AlarmAction =
  | { kind: 'acknowledge' | 'unshelve' | 'return-to-service' }
  | { kind: 'clear' | 'out-of-service'; reason: string }
  | { kind: 'shelve'; forS: number; reason: string }

/** What a person may do with an alarm (ISA-18.2). */
export function useAlarmAction() {
  const queries = useQueryClient()
  return useMutation({
    mutationFn: ({ alarm, action }: { alarm: Alarm; action: AlarmAction }): Promise<Alarm> => {
      const params = { path: { id: alarm.id } }
      switch (action.kind) {
        case 'acknowledge':
          return take(client.POST('/api/v1/alarms/{id}/acknowledge', { params }))
        case 'unshelve':
          return take(client.POST('/api/v1/alarms/{id}/unshelve', { params }))
        case 'return-to-service':
          return take(client.POST('/api/v1/alarms/{id}/return-to-service', { params }))
        case 'clear':
          return take(
            client.POST('/api/v1/alarms/{id}/clear', { params, body: { reason: action.reason } }),
          )
        case 'out-of-service':
          return take(
            client.POST('/api/v1/alarms/{id}/out-of-service', {
              params,
              body: { reason: action.reason },
            }),
          )
        case 'shelve':
          return take(
            client.POST('/api/v1/alarms/{id}/shelve', {
              params,
              body: { for_s: action.forS, reason: action.reason },
            }),
          )
      }
    },
    onSettled: () => {
      void queries.invalidateQueries({ queryKey: ['alarms'] })
      void queries.invalidateQueries({ queryKey: ['machines'] })
    },
  })
}

/** Says what an alarm was worth; the last word counts. */
export function useJudgeAlarm() {
  const queries = useQueryClient()
  return useMutation({
    mutationFn: ({
      id,
      verdict,
      note,
    }: {
      id: string
      verdict: FeedbackVerdict
      note?: string
    }): Promise<Alarm> =>
      take(
        client.POST('/api/v1/alarms/{id}/feedback', {
          params: { path: { id } },
          body: { verdict, note },
        }),
      ),
    onSettled: () => queries.invalidateQueries({ queryKey: ['alarms'] }),
  })
}

/** Acknowledges one after the other, and goes on when one is refused; stops when nothing is reached. */
export function useAcknowledgeAll() {
  const queries = useQueryClient()
  return useMutation({
    mutationFn: async ({
      alarms,
      onProgress,
    }: {
      alarms: readonly Alarm[]
      onProgress: (done: number) => void
    }): Promise<{ done: number; refused: number }> => {
      let [done, refused] = [0, 0]
      for (const alarm of alarms) {
        try {
          const params = { path: { id: alarm.id } }
          await take(client.POST('/api/v1/alarms/{id}/acknowledge', { params }))
          done += 1
        } catch (error) {
          if (troubleOf(error) !== 'refused' && troubleOf(error) !== 'missing') throw error
          refused += 1
        }
        onProgress(done + refused)
      }
      return { done, refused }
    },
    onSettled: () => {
      void queries.invalidateQueries({ queryKey: ['alarms'] })
      void queries.invalidateQueries({ queryKey: ['machines'] })
    },
  })
}
