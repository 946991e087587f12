/** Lists that come in pages. */
import { useInfiniteQuery } from '@tanstack/react-query'
import { useEffect } from 'react'
import type { Page } from './types'

/** Most rows that a list keeps in a browser; beyond it, a search narrows the list. */
export const ROWS_MAX = 20_000

export interface List<T> {
  items: T[]
  /** Whether more could be loaded. */
  hasMore: boolean
  loadMore: () => void
  isLoadingMore: boolean
  isPending: boolean
  isFetching: boolean
  error: unknown
  refetch: () => void
}

/**
 * A list, its first page at once, more on demand, or with `all` everything, page after page.
 * `key` begins with the resource's name (see `touchedBy` in events.ts).
 */
export function useList<T>(
  key: readonly unknown[],
  fetchPage: (cursor: string | undefined) => Promise<Page<T>>,
  options: { all?: boolean; enabled?: boolean; refetchMs?: number } = {},
): List<T> {
  const query = useInfiniteQuery({
    queryKey: key,
    queryFn: ({ pageParam }) => fetchPage(pageParam),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page) => page.next_cursor ?? undefined,
    enabled: options.enabled,
    refetchInterval: options.refetchMs,
  })
  const items = query.data?.pages.flatMap((page) => page.items) ?? []
  const { hasNextPage, isFetchingNextPage, fetchNextPage } = query
  const more = options.all && hasNextPage && !isFetchingNextPage && items.length < ROWS_MAX
  useEffect(() => {
    if (more) void fetchNextPage()
  }, [more, fetchNextPage])
  return {
    items,
    hasMore: hasNextPage,
    loadMore: () => void fetchNextPage(),
    isLoadingMore: isFetchingNextPage,
    isPending: query.isPending,
    isFetching: query.isFetching,
    error: query.error,
    refetch: () => void query.refetch(),
  }
}
