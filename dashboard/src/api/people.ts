/** People: the one who is signed in, colleagues, and what was done by whom. */
import { useMutation, useQuery } from '@tanstack/react-query'
import { client, take } from './client'
import { useList } from './pages'
import type { paths } from './schema'

export function useMe() {
  return useQuery({
    queryKey: ['me'],
    queryFn: () => take(client.GET('/api/v1/auth/me')),
    staleTime: 5 * 60_000,
  })
}

/** A permission's name as the API says it, such as `tickets.write`. */
export type Permission = string

/** Whether the person who is signed in may do it. False while that isn't known. */
export function useMay(): (permission: Permission) => boolean {
  const { data } = useMe()
  return (permission) => data?.permissions.includes(permission) ?? false
}

export function useColleagues(enabled: boolean) {
  return useList(
    ['people', 'list'],
    (cursor) => take(client.GET('/api/v1/users', { params: { query: { cursor, limit: 500 } } })),
    { enabled },
  )
}

export function useChangePassword() {
  return useMutation({
    mutationFn: (body: { current_password: string; new_password: string }) =>
      take(client.POST('/api/v1/auth/password', { body })),
  })
}

export type AuditFilter = Omit<
  NonNullable<paths['/api/v1/audit']['get']['parameters']['query']>,
  'limit' | 'cursor'
>

/** Newest first. */
export function useAudit(filter: AuditFilter = {}) {
  return useList(['audit', filter], (cursor) =>
    take(client.GET('/api/v1/audit', { params: { query: { ...filter, cursor, limit: 100 } } })),
  )
}
