import { Alert, Button, Stack, Text } from '@mantine/core'
import { useMemo } from 'react'
import { useTranslation } from 'react-i18next'
import { ProblemError, troubleOf } from '../../../api/problem'
import type { Machine } from '../../../api/types'
import { useTroubleText } from '../../../components/trouble'
import { NOTHING } from '../../../format/format'
import { isSignalColumn, signalOf, type View } from '../view'
import { orderBy } from './newest'
import type { FleetValues } from './useValues'

export const FORBIDDEN = new ProblemError(403, {
  type: 'about:blank',
  title: 'Forbidden',
  status: 403,
})

/** Why values can't be had, in the place of what would be the columns' fault. */
export function ValuesFailed({ error, onRetry }: { error: unknown; onRetry: () => void }) {
  const { t } = useTranslation('fleet')
  const { t: common } = useTranslation()
  const text = useTroubleText()
  const trouble = troubleOf(error)
  const isForbidden = trouble === 'forbidden'
  return (
    <Alert
      color={isForbidden ? 'gray' : 'red'}
      variant="outline"
      role="alert"
      title={t(isForbidden ? 'values.forbidden' : 'values.failed')}
      data-trouble={trouble}
    >
      <Stack gap="xs" align="flex-start">
        <Text size="sm">{isForbidden ? common('state.forbiddenHint') : text(error)}</Text>
        {!isForbidden && (
          <Button size="xs" variant="default" onClick={onRetry}>
            {common('state.retry')}
          </Button>
        )}
      </Stack>
    </Alert>
  )
}

interface OrderNoticeProps {
  view: View
  machines: readonly Machine[]
  values: FleetValues['values']
}

/** Says how far the order can be trusted, when the list is sorted by a signal's values. */
export function OrderNotice({ view, machines, values }: OrderNoticeProps) {
  const { t } = useTranslation('fleet')
  const { sort } = view
  const order = useMemo(
    () => (isSignalColumn(sort) ? orderBy(signalOf(sort), machines, values) : undefined),
    [sort, machines, values],
  )
  if (!order) return null
  const isPartly = order.waiting > 0
  const units = order.units.map((unit) => unit || NOTHING).join(', ')
  const mixed = order.units.length > 1 && <Text size="sm">{t('values.units', { units })}</Text>
  // What changes with each answer isn't read out: only that values are on their way, and what is there then.
  return (
    <div>
      <div aria-live="polite" data-testid="order">
        {isPartly ? <Text size="sm">{t('values.sortedPartly')}</Text> : mixed}
      </div>
      {isPartly && (
        <Text size="sm" c="dimmed">
          {t('values.missing', { count: order.waiting })}
        </Text>
      )}
      {isPartly && mixed}
    </div>
  )
}
