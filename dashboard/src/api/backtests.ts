/** Backtests: a rule tried on what is stored. */
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { client, newKey, take } from './client'
import { useList } from './pages'
import type { Backtest, BacktestInput, BacktestState, Page } from './types'

/** How often it is asked how far one is. */
export const FOLLOW_MS = 1_000

const ENDED: readonly BacktestState[] = ['succeeded', 'failed', 'canceled']

export function isEnded({ state }: Pick<Backtest, 'state'>): boolean {
  return ENDED.includes(state)
}

export function createBacktest(body: BacktestInput): Promise<Backtest> {
  const headers = { 'Idempotency-Key': newKey() }
  return take(client.POST('/api/v1/rules/backtest', { body, headers })) as Promise<Backtest>
}

export function getBacktest(id: string): Promise<Backtest> {
  const params = { path: { id } }
  return take(client.GET('/api/v1/rules/backtests/{id}', { params })) as Promise<Backtest>
}

export function cancelBacktest(id: string): Promise<Backtest> {
  const params = { path: { id } }
  return take(client.POST('/api/v1/rules/backtests/{id}/cancel', { params })) as Promise<Backtest>
}

/** One's own, newest first, without results. */
export function useBacktests() {
  const fetchPage = (cursor: string | undefined) =>
    take(
      client.GET('/api/v1/rules/backtests', { params: { query: { cursor, limit: 50 } } }),
    ) as Promise<Page<Backtest>>
  return useList(['backtests', 'list'], fetchPage, { refetchMs: 5_000 })
}

/** Followed until it has ended. */
export function useBacktest(id: string | undefined) {
  return useQuery({
    queryKey: ['backtests', id],
    queryFn: () => getBacktest(id ?? ''),
    enabled: id !== undefined,
    refetchInterval: ({ state }) => (state.data && isEnded(state.data) ? false : FOLLOW_MS),
  })
}

export function useCreateBacktest() {
  const queries = useQueryClient()
  return useMutation({
    mutationFn: createBacktest,
    onSuccess: () => queries.invalidateQueries({ queryKey: ['backtests', 'list'] }),
  })
}

export function useCancelBacktest() {
  const queries = useQueryClient()
  return useMutation({
    mutationFn: cancelBacktest,
    onSettled: () => queries.invalidateQueries({ queryKey: ['backtests'] }),
  })
}
