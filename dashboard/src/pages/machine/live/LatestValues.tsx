import { Badge, Group, ScrollArea, Stack, Table, Text, TextInput, Title } from '@mantine/core'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import type { Machine, Signal } from '../../../api/types'
import { QualityBadge } from '../../../components/badges'
import { useValueText } from '../../../components/chart/useValueText'
import { Empty } from '../../../components/Loaded'
import { ageOf, isOld } from '../../../format/age'
import { millis, NOTHING } from '../../../format/format'
import { useFormat, useNow } from '../../../format/use'
import type { Newest, Snapshot } from './liveStore'
import classes from '../machine.module.css'

const ROWS_MAX = 200

interface LatestValuesProps {
  machine: Machine
  signals: readonly Signal[]
  live: Snapshot
}

/** The newest value of each signal, and whether it can be taken for the present one. */
export function LatestValues({ machine, signals, live }: LatestValuesProps) {
  const { t } = useTranslation('machine')
  const [filter, setFilter] = useState('')
  const wanted = filter.trim().toLowerCase()
  const found = signals.filter(({ signal }) => signal.toLowerCase().includes(wanted))
  const rows = found.slice(0, ROWS_MAX)
  return (
    <Stack gap="xs" component="section">
      <Group justify="space-between" gap="xs">
        <Title order={2} size="h4">
          {t('latest.title')}
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
        <Rows machine={machine} rows={rows} live={live} />
      )}
      {found.length > rows.length && (
        <Text size="sm" c="dimmed">
          {t('latest.cut', { count: found.length - rows.length })}
        </Text>
      )}
    </Stack>
  )
}

function Rows({
  machine,
  rows,
  live,
}: {
  machine: Machine
  rows: readonly Signal[]
  live: Snapshot
}) {
  const { t } = useTranslation('machine')
  return (
    <ScrollArea
      viewportProps={{ tabIndex: 0, role: 'region', 'aria-label': t('latest.title') }}
      type="auto"
    >
      <Table>
        <Table.Thead>
          <Table.Tr>
            <Table.Th scope="col">{t('latest.signal')}</Table.Th>
            <Table.Th scope="col">{t('latest.value')}</Table.Th>
            <Table.Th scope="col">{t('latest.unit')}</Table.Th>
            <Table.Th scope="col">{t('latest.quality')}</Table.Th>
            <Table.Th scope="col">{t('latest.age')}</Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {rows.map((row) => (
            <Row
              key={row.signal}
              signal={row}
              newest={live.newest.get(row.signal)}
              offsetMs={machine.connection.clock_offset_ms}
            />
          ))}
        </Table.Tbody>
      </Table>
    </ScrollArea>
  )
}

function Row({
  signal,
  newest,
  offsetMs,
}: {
  signal: Signal
  newest: Newest | undefined
  offsetMs: number | null | undefined
}) {
  const text = useValueText()
  const { value, quality, ts } = newerOf(signal, newest)
  return (
    <Table.Tr data-testid={`signal-${signal.signal}`}>
      <Table.Th scope="row" fw={400}>
        {signal.signal}
      </Table.Th>
      <Table.Td className={classes.number}>{text(value)}</Table.Td>
      <Table.Td>{signal.unit ?? NOTHING}</Table.Td>
      <Table.Td>{quality ? <QualityBadge quality={quality} /> : NOTHING}</Table.Td>
      <Table.Td className={classes.number}>
        <Age ts={ts} offsetMs={offsetMs} distance={newest?.distance} />
      </Table.Td>
    </Table.Tr>
  )
}

function newerOf(signal: Signal, newest: Newest | undefined) {
  if (!newest) return signal
  const isNewer = !signal.ts || millis(newest.sample.ts) >= millis(signal.ts)
  return isNewer ? newest.sample : signal
}

function Age({
  ts,
  offsetMs,
  distance,
}: {
  ts: string | null | undefined
  offsetMs: number | null | undefined
  distance: number | undefined
}) {
  const { t } = useTranslation('machine')
  const format = useFormat()
  const now = useNow()
  if (!ts) return <>{NOTHING}</>
  const age = ageOf(millis(ts), now, offsetMs)
  return (
    <Group gap={6} wrap="nowrap">
      <time dateTime={ts} title={format.dateTime(ts)}>
        {format.relative(now - age, now)}
      </time>
      {isOld(age, distance) && (
        <Badge variant="outline" color="gray" tt="none" c="var(--mantine-color-text)">
          {t('latest.old')}
        </Badge>
      )}
    </Group>
  )
}
