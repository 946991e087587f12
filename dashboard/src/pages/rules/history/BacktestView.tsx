import { Anchor, Stack } from '@mantine/core'
import { useTranslation } from 'react-i18next'
import { Link } from 'react-router'
import { isEnded, useBacktest } from '../../../api/backtests'
import type { Backtest } from '../../../api/types'
import { Loaded } from '../../../components/Loaded'
import { BacktestEnd } from '../results/BacktestEnd'
import { BacktestProgress } from '../results/BacktestProgress'
import type { ComparedWith } from '../results/marks'
import { ResultView } from './ResultView'

interface BacktestViewProps {
  id: string
  /** In the rule's editor: its own page is somewhere else. */
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
          {/* The editor compares with what is saved; who asks the API, with any rule. */}
          <Inside backtest={backtest} comparedWith={isLinked ? 'saved' : 'other'} />
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

interface InsideProps {
  backtest: Backtest
  comparedWith: ComparedWith
}

function Inside({ backtest, comparedWith }: InsideProps) {
  if (!isEnded(backtest)) return <BacktestProgress backtest={backtest} />
  const { result } = backtest
  if (!result) return <BacktestEnd backtest={backtest} />
  return <ResultView {...{ backtest, result, comparedWith }} />
}
