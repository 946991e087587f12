import { Button, Stack, Table, Text, Title } from '@mantine/core'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import type { Backtest, BacktestMachine, BacktestResult } from '../../../api/types'
import { MachineLink } from '../../../components/MachineLink'
import { millis } from '../../../format/format'
import { useFormat } from '../../../format/use'
import { type ComparedWith, machineOf, sharesOf } from '../results/marks'
import { RuleChart } from '../results/RuleChart'
import { RunSummary, useMachineNotes } from '../results/RunSummary'
import { useMarks } from '../results/useMarks'
import { useShare } from '../results/useShare'

interface ResultProps {
  backtest: Backtest
  result: BacktestResult
  comparedWith: ComparedWith
}

/** What came out: all together, each machine, and one of them drawn. */
export function ResultView({ backtest, result, comparedWith }: ResultProps) {
  const { t } = useTranslation('backtests')
  const { machines, totals } = result.rule
  // Where most happened, until somebody chooses.
  const [chosen, setChosen] = useState(() => busiest(machines)?.machine_id)
  return (
    <Stack gap="sm">
      <RunSummary
        totals={totals}
        against={result.against?.totals}
        differences={result.differences ?? undefined}
        comparedWith={comparedWith}
      />
      {totals.failures && <FailureSummary totals={totals} failures={totals.failures} />}
      {result.machines_left_out > 0 && (
        <Text size="sm" c="dimmed">
          {t('leftOut', { count: result.machines_left_out })}
        </Text>
      )}
      <MachineTable result={result} chosen={chosen} onChoose={setChosen} />
      {chosen && <Drawn {...{ backtest, result, comparedWith }} machineId={chosen} />}
    </Stack>
  )
}

function busiest(machines: readonly BacktestMachine[]): BacktestMachine | undefined {
  return machines.reduce<BacktestMachine | undefined>(
    (best, each) => (best && best.totals.alarms >= each.totals.alarms ? best : each),
    undefined,
  )
}

type Totals = BacktestMachine['totals']

function FailureSummary({
  totals,
  failures,
}: {
  totals: Totals
  failures: NonNullable<Totals['failures']>
}) {
  const { t } = useTranslation('backtests')
  const share = useShare()
  const { precision, announced } = sharesOf(totals)
  const { known, missed } = failures
  return (
    <Text size="sm" data-testid="failures">
      {t('failure.announced', { announced: failures.announced, known, share: share(announced) })}{' '}
      {t('failure.missed', { count: missed })}{' '}
      {t('failure.precision', {
        share: share(precision),
        without: failures.alarms_without_failure,
      })}
    </Text>
  )
}

interface MachineTableProps {
  result: BacktestResult
  chosen: string | undefined
  onChoose: (machineId: string) => void
}

function MachineTable({ result, chosen, onChoose }: MachineTableProps) {
  const { t } = useTranslation('backtests')
  const { machines, totals } = result.rule
  const columns = ['machine', 'alarms', 'tickets', 'inAlarm', 'share'] as const
  return (
    <Table.ScrollContainer minWidth={640} scrollAreaProps={{ viewportProps: { tabIndex: 0 } }}>
      <Table verticalSpacing="xs">
        <Table.Thead>
          <Table.Tr>
            {columns.map((column) => (
              <Table.Th key={column}>{t(`column.${column}`)}</Table.Th>
            ))}
            {totals.failures && <Table.Th>{t('column.failures')}</Table.Th>}
            <Table.Th>{t('column.notes')}</Table.Th>
            <Table.Th>{t('column.chart')}</Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {machines.map((machine) => (
            <MachineRow
              key={machine.machine_id}
              machine={machine}
              hasFailures={totals.failures != null}
              isChosen={machine.machine_id === chosen}
              onChoose={() => onChoose(machine.machine_id)}
            />
          ))}
        </Table.Tbody>
      </Table>
    </Table.ScrollContainer>
  )
}

interface MachineRowProps {
  machine: BacktestMachine
  hasFailures: boolean
  isChosen: boolean
  onChoose: () => void
}

function MachineRow({ machine, hasFailures, isChosen, onChoose }: MachineRowProps) {
  const { t } = useTranslation('backtests')
  const format = useFormat()
  const share = useShare()
  const notes = useMachineNotes()
  const { totals, machine_id } = machine
  const { failures } = totals
  return (
    <Table.Tr data-testid={`machine-${machine_id}`}>
      <Table.Td>
        <MachineLink id={machine_id} />
      </Table.Td>
      <Table.Td>{format.number(totals.alarms, 0)}</Table.Td>
      <Table.Td>{format.number(totals.tickets, 0)}</Table.Td>
      <Table.Td>{format.duration(totals.in_alarm_s * 1000)}</Table.Td>
      <Table.Td>{share(totals.in_alarm_share)}</Table.Td>
      {hasFailures && (
        <Table.Td>
          {failures
            ? t('failure.of', { announced: failures.announced, known: failures.known })
            : '–'}
        </Table.Td>
      )}
      <Table.Td>
        <Text size="xs">{notes(machine).join(' ')}</Text>
      </Table.Td>
      <Table.Td>
        <Button
          size="compact-sm"
          variant={isChosen ? 'filled' : 'default'}
          aria-pressed={isChosen}
          onClick={onChoose}
        >
          {t('draw')}
        </Button>
      </Table.Td>
    </Table.Tr>
  )
}

function Drawn(props: ResultProps & { machineId: string }) {
  const { backtest, result, comparedWith, machineId } = props
  const { t } = useTranslation('backtests')
  const machine = machineOf(result.rule, machineId)
  const marks = useMarks(backtest, machineId, comparedWith)
  const shared = { machineId, marks, from: millis(backtest.from), to: millis(backtest.to) }
  return (
    <section aria-label={t('chart.title')}>
      <Title order={3} size="h5" mb="xs">
        {t('chart.title')} <MachineLink id={machineId} />
      </Title>
      <RuleChart {...shared} condition={backtest.condition} />
      {machine && machine.alarms.length < machine.totals.alarms && (
        <Text size="sm" c="dimmed">
          {t('listed', { count: machine.alarms.length })}
        </Text>
      )}
    </section>
  )
}
