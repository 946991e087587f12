import type { ReactNode } from 'react'
import type { List } from '../../api/pages'
import { Empty, Failed, Loaded } from '../../components/Loaded'

interface ListStatesProps<T> {
  list: List<T>
  /** What is said when there is nothing. */
  empty: string
  children: ReactNode
}

/** A list in all its states. */
export function ListStates<T>({ list, empty, children }: ListStatesProps<T>) {
  if (list.items.length > 0) return children
  if (list.error) return <Failed error={list.error} onRetry={list.refetch} />
  if (list.isPending) {
    return <Loaded query={{ ...list, data: undefined }}>{() => null}</Loaded>
  }
  return <Empty>{empty}</Empty>
}
