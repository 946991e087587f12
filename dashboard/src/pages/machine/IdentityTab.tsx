import { Button, CopyButton, DataList, Group, Stack, Text, Title } from '@mantine/core'
import type { ReactNode } from 'react'
import { useTranslation } from 'react-i18next'
import { useSites } from '../../api/machines'
import type { Machine } from '../../api/types'
import { NOTHING } from '../../format/format'
import { useFormat } from '../../format/use'
import { Certificates } from './Certificates'
import { worthOf } from './clock'
import classes from './machine.module.css'

/**
 * What the machine is, by which the platform knows it, whether its clock can be trusted, and what
 * it watches by itself.
 */
export function IdentityTab({ machine }: { machine: Machine }) {
  return (
    <Stack gap="lg">
      <Facts machine={machine} />
      <Clock machine={machine} />
      <OwnRules machine={machine} />
      <Certificates machine={machine} />
    </Stack>
  )
}

function Facts({ machine }: { machine: Machine }) {
  const { t } = useTranslation('machine')
  const { t: common } = useTranslation()
  const format = useFormat()
  const sites = useSites()
  const site = sites.data?.find(({ id }) => id === machine.site_id)
  const { connection } = machine
  return (
    <section>
      <Title order={2} size="h4" mb="xs">
        {t('identity.facts')}
      </Title>
      <DataList labelWidth={150}>
        <Fact label={t('identity.serialNumber')}>
          <Copied text={machine.serial_number} what={t('identity.serialNumber')} />
        </Fact>
        <Fact label={t('identity.model')}>{machine.model ?? NOTHING}</Fact>
        <Fact label={t('identity.site')}>
          {site ? `${site.name} (${site.time_zone})` : NOTHING}
        </Fact>
        <Fact label={t('identity.state')}>{common(`machineState.${machine.state}`)}</Fact>
        <Fact label={t('identity.criticality')}>
          {t(`identity.criticalities.${machine.criticality}`)}
        </Fact>
        <Fact label={t('identity.commissioned')}>{format.dateTime(machine.commissioned_at)}</Fact>
        <Fact label={t('identity.connected')}>
          {connection.connected
            ? format.dateTime(connection.connected_at)
            : t('identity.notConnected')}
          {connection.protocol && ` · MQTT ${connection.protocol}`}
        </Fact>
        <Fact label={t('identity.id')}>
          <Copied text={machine.id} what={t('identity.id')} />
        </Fact>
        {Object.entries(machine.external_ids).map(([system, id]) => (
          <Fact key={system} label={t('identity.externalId', { system })}>
            <Copied text={id} what={system} />
          </Fact>
        ))}
      </DataList>
    </section>
  )
}

function Fact({ label, children }: { label: string; children: ReactNode }) {
  return (
    <DataList.Item>
      <DataList.ItemLabel>{label}</DataList.ItemLabel>
      <DataList.ItemValue>{children}</DataList.ItemValue>
    </DataList.Item>
  )
}

function Copied({ text, what }: { text: string; what: string }) {
  const { t } = useTranslation()
  return (
    <Group gap="xs">
      <Text size="sm" ff="monospace" className={classes.id}>
        {text}
      </Text>
      <CopyButton value={text}>
        {({ copied, copy }) => (
          <Button
            variant="subtle"
            size="compact-xs"
            onClick={copy}
            aria-label={`${t('action.copy')}: ${what}`}
          >
            {t(copied ? 'action.copied' : 'action.copy')}
          </Button>
        )}
      </CopyButton>
    </Group>
  )
}

/** Which rules the machine watches by itself; nothing for one that can't. */
function OwnRules({ machine }: { machine: Machine }) {
  const { t } = useTranslation('machine')
  const { rules } = machine
  if (!rules) return null
  const isCurrent = rules.applied_version === rules.wanted_version
  return (
    <section>
      <Title order={2} size="h4" mb="xs">
        {t('ownRules.title')}
      </Title>
      <Text size="sm" data-state={isCurrent ? 'good' : 'poor'}>
        {t(isCurrent ? 'ownRules.current' : 'ownRules.waiting', {
          applied: rules.applied_version,
          wanted: rules.wanted_version,
          watching: rules.watching,
        })}
      </Text>
      {rules.left_out > 0 && (
        <Text size="sm">{t('ownRules.leftOut', { number: rules.left_out })}</Text>
      )}
      {rules.refused.map(({ id, problems }) => (
        <Text key={id} size="sm">
          {t('ownRules.refused', { id, problems: problems.join('; ') })}
        </Text>
      ))}
    </section>
  )
}

function Clock({ machine }: { machine: Machine }) {
  const { t } = useTranslation('machine')
  const format = useFormat()
  const offset = machine.connection.clock_offset_ms
  const worth = worthOf(offset)
  const direction = (offset ?? 0) >= 0 ? 'ahead' : 'behind'
  return (
    <section>
      <Title order={2} size="h4" mb="xs">
        {t('clock.title')}
      </Title>
      <Text data-state={worth}>
        <strong>{t(`clock.worth.${worth}`)}</strong>
        {typeof offset === 'number' &&
          ` · ${t(`clock.${direction}`, { by: format.duration(Math.abs(offset)) })}`}
      </Text>
      <Text size="sm" c="dimmed">
        {t(`clock.means.${worth}`)}
      </Text>
    </section>
  )
}
