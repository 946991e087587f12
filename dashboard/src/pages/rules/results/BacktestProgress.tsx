import { Button, Group, Progress, Stack, Text } from '@mantine/core'
import { useTranslation } from 'react-i18next'
import { useCancelBacktest } from '../../../api/backtests'
import type { Backtest } from '../../../api/types'
import { useNotify } from '../../../components/trouble'
import { useFormat } from '../../../format/use'

/** How far a backtest is, and how to stop it. */
export function BacktestProgress({ backtest }: { backtest: Backtest | undefined }) {
  const { t } = useTranslation('backtests')
  const format = useFormat()
  const notify = useNotify()
  const cancel = useCancelBacktest()
  const percent = Math.floor(100 * (backtest?.progress ?? 0))
  const isQueued = !backtest || backtest.state === 'queued'
  const isStopping = backtest?.cancel_requested || cancel.isPending
  const texts = { percent, values: format.number(backtest?.values ?? 0, 0) }
  const text = isStopping ? t('stopping') : isQueued ? t('queued') : t('running', texts)
  return (
    <Stack gap={4} role="status">
      <Group justify="space-between" gap="xs">
        <Text size="sm">{text}</Text>
        {backtest && (
          <Button
            size="compact-sm"
            variant="default"
            disabled={isStopping}
            onClick={() => cancel.mutate(backtest.id, { onError: notify.failed })}
          >
            {t('cancel')}
          </Button>
        )}
      </Group>
      <Progress value={percent} aria-label={t('progress')} animated={!isQueued} />
    </Stack>
  )
}
