import { Anchor, Stack } from '@mantine/core'
import { useTranslation } from 'react-i18next'
import { Link } from 'react-router'
import { isEnded, useBacktest } from '../../../api/backtests'
import type { Backtest } from '../../../api/types'
import { Loaded } from '../../../components/Loaded'
import { BacktestEnd } from '../results/BacktestEnd'
import { BacktestProgress } from '../results/BacktestProgress'
import type { Condition } from '../tree/draft'
import { ResultView } from './ResultView'

interface BacktestViewProps {
  id: string
  /** What it watches, where that is known; the platform keeps it only for itself. */
  condition?: Condition
}

/** A backtest while it runs, and what has come out of it. */
export function BacktestView({ id, condition }: BacktestViewProps) {
  const { t } = useTranslation('backtests')
  const query = useBacktest(id)
  return (
    <Loaded query={query}>
      {(backtest) => (
        <Stack gap="sm">
          <Inside backtest={backtest} condition={condition} />
          {condition && (
            <Anchor component={Link} to={`/rules/backtests/${id}`} size="sm">
              {t('ownPage')}
            </Anchor>
          )}
        </Stack>
      )}
    </Loaded>
  )
}

function Inside({ backtest, condition }: { backtest: Backtest; condition?: Condition }) {
  if (!isEnded(backtest)) return <BacktestProgress backtest={backtest} />
  const { result } = backtest
  if (!result) return <BacktestEnd backtest={backtest} />
  return <ResultView backtest={backtest} result={result} condition={condition} />
}
