import {
  Anchor,
  Button,
  Group,
  ScrollArea,
  Stack,
  Table,
  Text,
  TextInput,
  Title,
} from '@mantine/core'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { Link, useNavigate } from 'react-router'
import { useMay } from '../../api/people'
import { useMachineStorage } from '../../api/storage'
import type { Machine, MachineStorage, SignalStorage } from '../../api/types'
import { Facts } from '../../components/Facts'
import { Empty, Loaded } from '../../components/Loaded'
import { MachineSelect } from '../../components/MachineSelect'
import { Said } from '../../components/Said'
import { useFormat } from '../../format/use'
import classes from './machine.module.css'
import { narrowed, shareOf, totalsOf } from './storage'

/** What the machine's stored values take up, signal by signal. */
export function StorageTab({ machine }: { machine: Machine }) {
  const { t } = useTranslation('machine')
  const storage = useMachineStorage(machine.id)
  return (
    <Stack gap="lg">
      <Loaded query={storage} height={240}>
        {(data) =>
          data.signals.length === 0 ? (
            <Empty>{t('live.noSignals')}</Empty>
          ) : (
            <>
              <Totals
                storage={data}
                busy={storage.isFetching}
                onAgain={() => void storage.refetch()}
              />
              <Signals storage={data} />
            </>
          )
        }
      </Loaded>
      <Elsewhere />
    </Stack>
  )
}

interface TotalsProps {
  storage: MachineStorage
  busy: boolean
  onAgain: () => void
}

function Totals({ storage, busy, onAgain }: TotalsProps) {
  const { t } = useTranslation('machine')
  const format = useFormat()
  const { points, rollups } = totalsOf(storage)
  return (
    <section>
      <Group justify="space-between" gap="xs" mb="xs">
        <Title order={2} size="h4">
          {t('storage.total')}
        </Title>
        <Button variant="default" size="xs" loading={busy} onClick={onAgain}>
          {t('storage.again')}
        </Button>
      </Group>
      {storage.counted_at && (
        <Text size="sm" c="dimmed">
          {t('storage.counted', { at: format.dateTime(storage.counted_at) })}
        </Text>
      )}
      <Facts
        items={[
          [t('storage.size'), format.bytes(storage.bytes)],
          [t('storage.signals'), format.number(storage.signals.length)],
          [t('storage.values'), format.number(points)],
          [t('storage.rollups'), format.number(rollups)],
        ]}
      />
      <Text size="sm" c="dimmed" mt="xs">
        {t('storage.estimated')}
      </Text>
    </section>
  )
}

const COLUMNS = ['signal', 'size', 'share', 'values', 'rollups', 'oldest', 'newest'] as const

function Signals({ storage }: { storage: MachineStorage }) {
  const { t } = useTranslation('machine')
  const [filter, setFilter] = useState('')
  const { rows, left } = narrowed(storage.signals, filter)
  return (
    <Stack gap="xs" component="section">
      <Group justify="space-between" gap="xs">
        <Title order={2} size="h4">
          {t('storage.bySignal')}
        </Title>
        <TextInput
          aria-label={t('latest.filter')}
          placeholder={t('latest.filter')}
          value={filter}
          onChange={(event) => setFilter(event.currentTarget.value)}
          size="xs"
        />
      </Group>
      {rows.length === 0 ? (
        <Empty>{t('latest.noneFound')}</Empty>
      ) : (
        <ScrollArea
          type="auto"
          viewportProps={{ tabIndex: 0, role: 'region', 'aria-label': t('storage.bySignal') }}
        >
          <Table>
            <Table.Thead>
              <Table.Tr>
                {COLUMNS.map((column) => (
                  <Table.Th key={column} scope="col">
                    {t(`storage.${column}`)}
                  </Table.Th>
                ))}
              </Table.Tr>
            </Table.Thead>
            <Table.Tbody>
              {rows.map((row) => (
                <Row key={row.signal} signal={row} total={storage.bytes} />
              ))}
            </Table.Tbody>
          </Table>
        </ScrollArea>
      )}
      {left > 0 && (
        <Text size="sm" c="dimmed">
          {t('latest.cut', { count: left })}
        </Text>
      )}
    </Stack>
  )
}

function Row({ signal, total }: { signal: SignalStorage; total: number }) {
  const { t } = useTranslation('machine')
  const format = useFormat()
  const share = format.number(shareOf(signal.bytes, total) * 100, 1)
  return (
    <Table.Tr data-testid={`storage-${signal.signal}`}>
      <Table.Th scope="row" fw={400}>
        <Said>{signal.signal}</Said>
      </Table.Th>
      <Table.Td className={classes.number}>{format.bytes(signal.bytes)}</Table.Td>
      <Table.Td className={classes.number}>{t('storage.percent', { share })}</Table.Td>
      <Table.Td className={classes.number}>{format.number(signal.points)}</Table.Td>
      <Table.Td className={classes.number}>{format.number(signal.rollups)}</Table.Td>
      <Table.Td className={classes.number}>{format.dateTime(signal.oldest)}</Table.Td>
      <Table.Td className={classes.number}>{format.dateTime(signal.newest)}</Table.Td>
    </Table.Tr>
  )
}

/** From machine to machine, and to the database as a whole. */
function Elsewhere() {
  const { t } = useTranslation('machine')
  const may = useMay()
  const navigate = useNavigate()
  return (
    <Stack gap="xs" align="flex-start">
      <MachineSelect
        label={t('storage.other')}
        value={null}
        onChange={(id) => id && void navigate(`/machines/${id}/storage`)}
        w="100%"
        maw={420}
      />
      {may('policies.write') && (
        <Anchor component={Link} to="/storage" size="sm">
          {t('storage.whole')}
        </Anchor>
      )}
    </Stack>
  )
}
