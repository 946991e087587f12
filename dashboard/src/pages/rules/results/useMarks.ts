import { useMemo } from 'react'
import { useTranslation } from 'react-i18next'
import type { Backtest } from '../../../api/types'
import { useMadeWords } from '../../../components/alarms/madeWords'
import type { ChartMark } from '../../../components/chart/series'
import { millis } from '../../../format/format'
import { type ComparedWith, marksOf, type MarkWords } from './marks'

/** What a backtest found at a machine, in the reader's words; nothing without a result. */
export function useMarks(
  backtest: Backtest | undefined,
  machineId: string | null,
  comparedWith: ComparedWith,
): readonly ChartMark[] {
  const { t } = useTranslation('backtests')
  const made = useMadeWords()
  const words: MarkWords = {
    message: ({ context, message }) => made(context) || message,
    onlyRule: (message) => t(`mark.${comparedWith}.onlyRule`, { message }),
    onlyAgainst: t(`mark.${comparedWith}.onlyAgainst`),
    failure: (name, isAnnounced) => {
      const text = name ?? t('mark.unnamed')
      return t(isAnnounced ? 'mark.announced' : 'mark.missed', { name: text })
    },
  }
  const marks =
    backtest?.result && machineId
      ? marksOf(backtest.result, { machineId, from: millis(backtest.from) }, words)
      : []
  // By value: while something is typed the chart stays as it is.
  const key = JSON.stringify(marks)
  return useMemo(() => JSON.parse(key) as ChartMark[], [key])
}
