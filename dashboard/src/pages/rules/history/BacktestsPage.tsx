import { Anchor, Button, Table, Text } from '@mantine/core'
import { useTranslation } from 'react-i18next'
import { Link } from 'react-router'
import { useBacktests } from '../../../api/backtests'
import type { Backtest, BacktestState } from '../../../api/types'
import { ToneBadge } from '../../../components/badges'
import { ListFrame } from '../../../components/ListFrame'
import { PageHead } from '../../../components/PageHead'
import { Said } from '../../../components/Said'
import { TimeAgo } from '../../../components/TimeAgo'
import { useFormat } from '../../../format/use'

/** One's own backtests, as long as they are kept. */
export function BacktestsPage() {
  const { t } = useTranslation('backtests')
  const { t: common } = useTranslation()
  return (
    <>
      <PageHead
        title={t('title')}
        actions={
          <Button variant="default" component={Link} to="/rules">
            {common('nav.rules')}
          </Button>
        }
      />
      <Text size="sm" c="dimmed" mb="sm">
        {t('kept')}
      </Text>
      <Mine />
    </>
  )
}

function Mine() {
  const { t } = useTranslation('backtests')
  const list = useBacktests()
  const columns = ['name', 'state', 'time', 'machines', 'created'] as const
  return (
    <ListFrame list={list} empty={t('none')}>
      {(items) => (
        <Table.ScrollContainer minWidth={640} scrollAreaProps={{ viewportProps: { tabIndex: 0 } }}>
          <Table verticalSpacing="xs">
            <Table.Thead>
              <Table.Tr>
                {columns.map((column) => (
                  <Table.Th key={column}>{t(`column.${column}`)}</Table.Th>
                ))}
              </Table.Tr>
            </Table.Thead>
            <Table.Tbody>
              {items.map((backtest) => (
                <Row key={backtest.id} backtest={backtest} />
              ))}
            </Table.Tbody>
          </Table>
        </Table.ScrollContainer>
      )}
    </ListFrame>
  )
}

const TONES = {
  queued: 'plain',
  running: 'busy',
  succeeded: 'good',
  failed: 'critical',
  canceled: 'plain',
} as const satisfies Record<BacktestState, string>

function Row({ backtest }: { backtest: Backtest }) {
  const { t } = useTranslation('backtests')
  const format = useFormat()
  const { id, name, state, from, to } = backtest
  return (
    <Table.Tr>
      <Table.Td>
        <Anchor component={Link} inherit to={`/rules/backtests/${id}`}>
          <Said>{name}</Said>
        </Anchor>
      </Table.Td>
      <Table.Td>
        <ToneBadge tone={TONES[state]}>{t(`state.${state}`)}</ToneBadge>{' '}
        {state === 'running' && `${Math.floor(backtest.progress * 100)}\u00a0%`}
      </Table.Td>
      <Table.Td>
        {format.date(from)} – {format.date(to)}
      </Table.Td>
      <Table.Td>{format.number(backtest.machine_ids.length, 0)}</Table.Td>
      <Table.Td>
        <TimeAgo at={backtest.created_at} />
      </Table.Td>
    </Table.Tr>
  )
}
