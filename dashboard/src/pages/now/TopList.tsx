import { Anchor } from '@mantine/core'
import type { ReactNode } from 'react'
import { Link } from 'react-router'
import type { List } from '../../api/pages'
import { ListFrame } from '../../components/ListFrame'
import { Section } from '../../components/Section'
import { TOP } from './order'

interface TopListProps<T> {
  list: List<T>
  title: string
  /** Said when there is nothing. */
  empty: string
  /** The way to all of it. */
  all?: { to: string; text: string }
  order: (a: T, b: T) => number
  children: (items: T[]) => ReactNode
}

/** The first few of a list, in the page's own order. */
export function TopList<T>({ list, title, empty, all, order, children }: TopListProps<T>) {
  return (
    <Section
      title={title}
      actions={
        all && (
          <Anchor component={Link} to={all.to} size="sm">
            {all.text}
          </Anchor>
        )
      }
    >
      <ListFrame list={{ ...list, hasMore: false }} empty={empty}>
        {(items) => children([...items].sort(order).slice(0, TOP))}
      </ListFrame>
    </Section>
  )
}
