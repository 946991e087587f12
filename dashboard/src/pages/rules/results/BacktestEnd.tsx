import { Alert, Button, Stack, Text } from '@mantine/core'
import { useTranslation } from 'react-i18next'
import type { Backtest } from '../../../api/types'
import { Said } from '../../../components/Said'

/** A backtest that has ended without a result. */
export function BacktestEnd({ backtest, onAgain }: { backtest: Backtest; onAgain?: () => void }) {
  const { t } = useTranslation('backtests')
  const isFailed = backtest.state === 'failed'
  return (
    <Alert
      color={isFailed ? 'red' : 'gray'}
      variant="outline"
      role={isFailed ? 'alert' : 'status'}
      title={t(isFailed ? 'failed' : 'canceled')}
    >
      <Stack gap="xs" align="flex-start">
        <Text size="sm">
          {isFailed ? <Said>{backtest.error ?? t('failedWhy')}</Said> : t('canceledWhy')}
        </Text>
        {onAgain && (
          <Button size="xs" variant="default" onClick={onAgain}>
            {t('again')}
          </Button>
        )}
      </Stack>
    </Alert>
  )
}
