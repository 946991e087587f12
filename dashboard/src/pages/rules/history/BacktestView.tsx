import { Anchor, Stack } from '@mantine/core'
import { useTranslation } from 'react-i18next'
import { Link } from 'react-router'
import { isEnded, useBacktest } from '../../../api/backtests'
import type { Backtest } from '../../../api/types'
import { Loaded } from '../../../components/Loaded'
import { BacktestEnd } from '../results/BacktestEnd'
import { BacktestProgress } from '../results/BacktestProgress'
import { ResultView } from './ResultView'

interface BacktestViewProps {
  id: string
  /** Whether its own page is somewhere else. */
  isLinked?: boolean
}

/** A backtest while it runs, and what has come out of it. */
export function BacktestView({ id, isLinked }: BacktestViewProps) {
  const { t } = useTranslation('backtests')
  const query = useBacktest(id)
  return (
    <Loaded query={query}>
      {(backtest) => (
        <Stack gap="sm">
          <Inside backtest={backtest} />
          {isLinked && (
            <Anchor component={Link} to={`/rules/backtests/${id}`} size="sm">
              {t('ownPage')}
            </Anchor>
          )}
        </Stack>
      )}
    </Loaded>
  )
}

function Inside({ backtest }: { backtest: Backtest }) {
  if (!isEnded(backtest)) return <BacktestProgress backtest={backtest} />
  const { result } = backtest
  if (!result) return <BacktestEnd backtest={backtest} />
  return <ResultView backtest={backtest} result={result} />
}
