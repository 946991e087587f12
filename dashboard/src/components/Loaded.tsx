import { Alert, Button, Skeleton, Stack, Text } from '@mantine/core'
import type { ReactNode } from 'react'
import { useTranslation } from 'react-i18next'
import { useTroubleText } from './trouble'
import { troubleOf } from '../api/problem'

interface Query<T> {
  data?: T
  error: unknown
  isPending: boolean
  refetch: () => unknown
}

interface LoadedProps<T> {
  query: Query<T>
  children: (data: T) => ReactNode
  /** Height of what is shown while it loads. */
  height?: number
}

/**
 * What a query gave, in all its states: while it loads, when it failed, when the person may not
 * see it, and when there is something old while the new can't be had.
 */
export function Loaded<T>({ query, children, height = 120 }: LoadedProps<T>) {
  const { t } = useTranslation()
  const text = useTroubleText()
  if (query.data !== undefined) {
    return (
      <>
        {query.error !== null && query.error !== undefined && (
          <Text size="sm" c="red" role="status">
            {t('state.stale', { reason: text(query.error) })}
          </Text>
        )}
        {children(query.data)}
      </>
    )
  }
  if (query.error) return <Failed error={query.error} onRetry={() => void query.refetch()} />
  return (
    <Stack gap="xs" role="status" aria-label={t('state.loading')}>
      <Skeleton height={height} />
    </Stack>
  )
}

/** An error in the place of what it kept from being shown. */
export function Failed({ error, onRetry }: { error: unknown; onRetry?: () => void }) {
  const { t } = useTranslation()
  const text = useTroubleText()
  const trouble = troubleOf(error)
  const canRetry = onRetry && trouble !== 'forbidden' && trouble !== 'missing'
  const hint = {
    offline: 'offlineHint',
    forbidden: 'forbiddenHint',
    missing: 'missingHint',
  } as const
  return (
    <Alert
      color={trouble === 'forbidden' || trouble === 'missing' ? 'gray' : 'red'}
      variant="outline"
      role="alert"
      title={text(error)}
      data-trouble={trouble}
    >
      <Stack gap="xs" align="flex-start">
        {trouble in hint && (
          <Text size="sm">{t(`state.${hint[trouble as keyof typeof hint]}`)}</Text>
        )}
        {canRetry && (
          <Button size="xs" variant="default" onClick={onRetry}>
            {t('state.retry')}
          </Button>
        )}
      </Stack>
    </Alert>
  )
}

/** Nothing to show, and that is all right. */
export function Empty({ children }: { children: ReactNode }) {
  return (
    <Text c="dimmed" py="md" data-testid="empty">
      {children}
    </Text>
  )
}
