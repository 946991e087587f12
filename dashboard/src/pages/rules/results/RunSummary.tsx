import { Stack, Text } from '@mantine/core'
import { useTranslation } from 'react-i18next'
import type { BacktestMachine, BacktestResult, BacktestTotals } from '../../../api/types'
import { useFormat } from '../../../format/use'
import { type ComparedWith, listedOf } from './marks'
import { useShare } from './useShare'

interface RunSummaryProps {
  totals: BacktestTotals
  /** Notes about one machine. */
  machine?: BacktestMachine
  /** The totals of what it is compared with. */
  against?: BacktestTotals
  differences?: Differences
  comparedWith: ComparedWith
}

type Differences = NonNullable<BacktestResult['differences']>

/** What would have come out, in words. */
export function RunSummary(props: RunSummaryProps) {
  const { totals, machine, against, differences, comparedWith } = props
  const { t } = useTranslation('backtests')
  return (
    <Stack gap={4} role="status" data-testid="trial">
      <Counts totals={totals} />
      {machine && <MachineNotes machine={machine} />}
      {against && (
        <Text size="sm">
          {t(`against.${comparedWith}`)} <Words totals={against} />
        </Text>
      )}
      {differences && <Differing differences={differences} comparedWith={comparedWith} />}
    </Stack>
  )
}

/** How many alarms only one of the two would have raised, and which of them charts tell. */
function Differing({
  differences,
  comparedWith,
}: {
  differences: Differences
  comparedWith: ComparedWith
}) {
  const { t } = useTranslation('backtests')
  const { only_rule, only_against, complete } = differences
  const { onlyRule, onlyAgainst } = listedOf(differences)
  return (
    <>
      <Text size="sm">
        {t(`differ.${comparedWith}.onlyRule`, { count: only_rule })}{' '}
        {t(`differ.${comparedWith}.onlyAgainst`, { count: only_against })}
        {!complete && ` ${t('differ.incomplete')}`}
      </Text>
      {onlyRule !== undefined && (
        <Text size="sm" c="dimmed">
          {t(`differ.${comparedWith}.marked`, { listed: onlyRule })}
        </Text>
      )}
      {onlyAgainst !== undefined && (
        <Text size="sm" c="dimmed">
          {t(`differ.${comparedWith}.drawn`, { listed: onlyAgainst })}
        </Text>
      )}
    </>
  )
}

function Counts({ totals }: { totals: BacktestTotals }) {
  return (
    <Text size="sm" fw={550}>
      <Words totals={totals} />
    </Text>
  )
}

function Words({ totals }: { totals: BacktestTotals }) {
  const { t } = useTranslation('backtests')
  const format = useFormat()
  const share = useShare()
  if (totals.alarms === 0 && totals.in_alarm_s === 0) return <>{t('noAlarms')}</>
  const time = format.duration(totals.in_alarm_s * 1000)
  return (
    <>
      {t('alarms', { count: totals.alarms })} · {t('tickets', { count: totals.tickets })}
      {totals.reopened > 0 && ` (${t('reopened', { count: totals.reopened })})`} ·{' '}
      {t('inAlarm', { time, share: share(totals.in_alarm_share) })}
    </>
  )
}

/** What keeps the result from saying all. */
function MachineNotes({ machine }: { machine: BacktestMachine }) {
  const { t } = useTranslation('backtests')
  const notes = useMachineNotes()(machine)
  return (
    <>
      {notes.map((note) => (
        <Text key={note} size="sm" c="dimmed">
          {note}
        </Text>
      ))}
      {machine.alarms.length < machine.totals.alarms && (
        <Text size="sm" c="dimmed">
          {t('listed', { count: machine.alarms.length })}
        </Text>
      )}
    </>
  )
}

export function useMachineNotes(): (machine: BacktestMachine) => string[] {
  const { t } = useTranslation('backtests')
  const format = useFormat()
  return ({ failed, missing_signals, first_value_at }) => {
    const notes: string[] = []
    if (failed) notes.push(t('note.failed', { why: failed }))
    if (missing_signals.length > 0) {
      notes.push(t('note.missing', { signals: missing_signals.join(', ') }))
    }
    notes.push(
      first_value_at
        ? t('note.since', { when: format.dateTime(first_value_at) })
        : t('note.nothing'),
    )
    return notes
  }
}
