import { Button, Stack, Text } from '@mantine/core'
import { useTranslation } from 'react-i18next'
import { Link, useParams } from 'react-router'
import { useBacktest } from '../../../api/backtests'
import { PageHead } from '../../../components/PageHead'
import { useFormat } from '../../../format/use'
import { BacktestView } from './BacktestView'

/** One backtest by its address. */
export function BacktestPage() {
  const { t } = useTranslation('backtests')
  const format = useFormat()
  const { id = '' } = useParams()
  const { data } = useBacktest(id)
  return (
    <>
      <PageHead
        title={data?.name ?? t('one')}
        actions={
          <Button variant="default" component={Link} to="/rules/backtests">
            {t('title')}
          </Button>
        }
      />
      <Stack gap="sm">
        {data && (
          <Text size="sm" c="dimmed">
            {t('span', { from: format.dateTime(data.from), to: format.dateTime(data.to) })}{' '}
            {t('keptUntil', { when: format.dateTime(data.expires_at) })}
          </Text>
        )}
        <BacktestView id={id} />
      </Stack>
    </>
  )
}
