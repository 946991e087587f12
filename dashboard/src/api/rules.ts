/** Rules: what is watched in machines' signals. */
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { client, ifMatch, take } from './client'
import { useList } from './pages'
import type { Rule, RuleInput } from './types'

/** Rules; with `all`, every one of them, page after page. */
export function useRules(
  filter: { machine_id?: string; model?: string } = {},
  options: { all?: boolean } = {},
) {
  return useList(
    ['rules', 'list', filter],
    (cursor) =>
      take(client.GET('/api/v1/rules', { params: { query: { ...filter, cursor, limit: 100 } } })),
    options,
  )
}

export function useRule(id: string | undefined) {
  return useQuery({
    queryKey: ['rules', id],
    queryFn: () => take(client.GET('/api/v1/rules/{id}', { params: { path: { id: id ?? '' } } })),
    enabled: id !== undefined,
  })
}

/** Creates the rule, or puts a new version in the place of the one that was read. */
export function useSaveRule() {
  const queries = useQueryClient()
  return useMutation({
    mutationFn: ({ rule, body, key }: { rule?: Rule; body: RuleInput; key: string }) =>
      rule
        ? take(
            client.PUT('/api/v1/rules/{id}', {
              params: { path: { id: rule.id }, header: ifMatch(rule) },
              body,
            }),
          )
        : take(client.POST('/api/v1/rules', { body, headers: { 'Idempotency-Key': key } })),
    onSettled: () => queries.invalidateQueries({ queryKey: ['rules'] }),
  })
}

/** How good a rule is by what people say of its alarms, over the last 90 days. */
export function useRulePrecision(id: string) {
  return useQuery({
    // By what is said of alarms, not by changes of the rule.
    queryKey: ['alarms', 'precision', id],
    queryFn: () => take(client.GET('/api/v1/rules/{id}/precision', { params: { path: { id } } })),
  })
}

export function useDeleteRule() {
  const queries = useQueryClient()
  return useMutation({
    mutationFn: (rule: Rule) =>
      take(client.DELETE('/api/v1/rules/{id}', { params: { path: { id: rule.id } } })),
    // Not the rule itself, which is still shown and would be missing.
    onSettled: () => queries.invalidateQueries({ queryKey: ['rules', 'list'] }),
  })
}
