/** Names of what other things only refer to, where the platform's answer doesn't bring them. */
import { useQuery } from '@tanstack/react-query'
import { client, take } from './client'
import { useColleagues, useMay, useMe } from './people'

/** Names change seldom, and a list asks for many of them. */
const NAME_STALE_MS = 10 * 60_000

/** The machine's name: what the answer brought, else looked up once; undefined while unknown. */
export function useMachineName(id: string, known?: string | null): string | undefined {
  const { data } = useQuery({
    queryKey: ['machine-names', id],
    queryFn: async () =>
      (await take(client.GET('/api/v1/machines/{id}', { params: { path: { id } } }))).name,
    enabled: !known,
    staleTime: NAME_STALE_MS,
  })
  return known ?? data
}

/** Names of people by id, as far as the person who is signed in may know them; none while not wanted. */
export function usePersonName(
  wanted = true,
): (id: string | null | undefined) => string | undefined {
  const may = useMay()
  const { data: me } = useMe()
  const { items } = useColleagues(wanted && may('users.read'))
  return (id) => {
    if (!id) return undefined
    if (me?.id === id) return me.name ?? me.email ?? undefined
    return items.find((person) => person.id === id)?.name
  }
}
