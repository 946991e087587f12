import { Button, Group } from '@mantine/core'
import type { ReactNode } from 'react'
import { useTranslation } from 'react-i18next'
import type { List } from '../api/pages'
import { Empty, Loaded } from './Loaded'

interface ListFrameProps<T> {
  list: List<T>
  /** Said when there is nothing. */
  empty: string
  children: (items: T[]) => ReactNode
}

/** A list in all its states, with the way to more of it. */
export function ListFrame<T>({ list, empty, children }: ListFrameProps<T>) {
  const { t } = useTranslation()
  const known = list.items.length > 0 || (!list.isPending && !list.error)
  const query = { ...list, data: known ? list.items : undefined }
  return (
    <Loaded query={query}>
      {(items) => (
        <>
          {items.length === 0 ? <Empty>{empty}</Empty> : children(items)}
          {list.hasMore && (
            <Group justify="center" mt="sm">
              <Button variant="default" onClick={list.loadMore} loading={list.isLoadingMore}>
                {t('list.more')}
              </Button>
            </Group>
          )}
        </>
      )}
    </Loaded>
  )
}
