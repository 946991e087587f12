import { Anchor, Alert, Button, Group, List, Stack, Table, Text, Title } from '@mantine/core'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { Link } from 'react-router'
import { useCertificates, useDeviceTokens, useSignals } from '../../api/machines'
import type { Machine, Signal } from '../../api/types'
import { TimeAgo } from '../../components/TimeAgo'
import { millis } from '../../format/format'
import { useFormat, useNow } from '../../format/use'
import { Checklist } from './Checklist'
import { MQTT_PORT } from './commands'
import { HINTS_AFTER_MS, hintsOf, type Progress, stageOf, type Way } from './place'

const POLL_MS = 2_000
/** So many of the first values are shown; the machine's page has all. */
const SHOWN = 12

interface WaitStepProps {
  machine: Machine
  way: Way
  since: number | undefined
  codeEndsAt: string | undefined
  onBack: () => void
}

/** Waits for the first contact, and shows it. */
export function WaitStep({ machine, way, since, codeEndsAt, onBack }: WaitStepProps) {
  const { t } = useTranslation('commissioning')
  const { t: common } = useTranslation()
  const signals = useSignals(machine.id, { refetchMs: POLL_MS })
  const found = signals.data?.items ?? []
  const progress = useProgress(machine, way, found)
  return (
    <Stack>
      <Checklist progress={progress} way={way} machine={machine} />
      {progress.hasValues ? (
        <Alert color="green" variant="outline" title={t('wait.done', { name: machine.name })}>
          {t('wait.doneHint')}
        </Alert>
      ) : (
        <Waiting
          key={stageOf(progress)}
          progress={progress}
          way={way}
          // What follows is waited for since it is waited for.
          since={stageOf(progress) <= 1 ? since : undefined}
          codeEndsAt={codeEndsAt}
          machineId={machine.id}
        />
      )}
      {progress.hasValues && <FirstValues signals={found} />}
      <Group justify="space-between">
        <Button variant="default" onClick={onBack}>
          {common('action.back')}
        </Button>
        <Button
          component={Link}
          to={`/machines/${machine.id}`}
          variant={progress.hasValues ? 'filled' : 'default'}
        >
          {t('wait.toMachine')}
        </Button>
      </Group>
    </Stack>
  )
}

function useProgress(machine: Machine, way: Way, signals: readonly Signal[]): Progress {
  const certificates = useCertificates(machine.id)
  const tokens = useDeviceTokens(machine.id)
  const isConnected = machine.connection.connected || !!machine.connection.last_seen_at
  const identities = way === 'agent' ? certificates.data?.items : tokens.data?.items
  return {
    registered: true,
    enrolled: isConnected || (identities ?? []).some((each) => !each.revoked_at),
    connected: isConnected,
    hasValues: signals.some((signal) => !!signal.ts),
  }
}

interface WaitingProps {
  progress: Progress
  way: Way
  since: number | undefined
  codeEndsAt: string | undefined
  machineId: string
}

function Waiting({ progress, way, since, codeEndsAt, machineId }: WaitingProps) {
  const { t } = useTranslation('commissioning')
  const format = useFormat()
  const now = useNow()
  const [entered] = useState(now)
  const waited = Math.max(0, now - (since ?? entered))
  const hints = hintsOf(progress, way, codeEndsAt ? millis(codeEndsAt) : undefined, now)
  const origin = window.location.origin
  const texts = { origin, host: window.location.hostname, port: MQTT_PORT }
  return (
    <>
      <Text data-testid="waited">
        {t('wait.elapsed', { time: format.duration(waited - (waited % 1000)) })}
      </Text>
      <div aria-live="polite">
        {(waited >= HINTS_AFTER_MS || hints[0] === 'codeEnded') && (
          <Alert color="orange" variant="outline" title={t('wait.long')}>
            <List size="sm" spacing={4}>
              {hints.map((hint) => (
                <List.Item key={hint}>
                  {t(`hint.${hint}`, texts)}{' '}
                  {hint === 'refused' && (
                    <Anchor component={Link} inherit to={`/machines/${machineId}`}>
                      {t('wait.toMachine')}
                    </Anchor>
                  )}
                </List.Item>
              ))}
            </List>
          </Alert>
        )}
      </div>
    </>
  )
}

function FirstValues({ signals }: { signals: readonly Signal[] }) {
  const { t } = useTranslation('commissioning')
  const { t: common } = useTranslation()
  const format = useFormat()
  const value = (signal: Signal) =>
    typeof signal.value === 'boolean'
      ? common(`boolean.${signal.value}`)
      : format.measured(signal.value, signal.unit)
  return (
    <section>
      <Title order={2} size="h4" mb="xs">
        {t('wait.values')}
      </Title>
      <Table.ScrollContainer minWidth={320}>
        <Table>
          <Table.Thead>
            <Table.Tr>
              <Table.Th>{t('wait.signal')}</Table.Th>
              <Table.Th>{common('chart.value')}</Table.Th>
              <Table.Th>{common('chart.time')}</Table.Th>
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {signals.slice(0, SHOWN).map((signal) => (
              <Table.Tr key={signal.signal}>
                <Table.Td>{signal.signal}</Table.Td>
                <Table.Td>{value(signal)}</Table.Td>
                <Table.Td>
                  <TimeAgo at={signal.ts} />
                </Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      </Table.ScrollContainer>
      {signals.length > SHOWN && (
        <Text size="sm" c="dimmed">
          {t('wait.moreValues', { count: signals.length - SHOWN })}
        </Text>
      )}
    </section>
  )
}
