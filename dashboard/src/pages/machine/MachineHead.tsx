import { Anchor, Group, Text } from '@mantine/core'
import { useTranslation } from 'react-i18next'
import { Link } from 'react-router'
import { useAlarms } from '../../api/alarms'
import { useMay } from '../../api/people'
import type { Machine, Severity } from '../../api/types'
import { ConnectionBadge, SeverityBadge } from '../../components/badges'
import { PageHead } from '../../components/PageHead'
import { TimeAgo } from '../../components/TimeAgo'
import { MachineActions } from './MachineActions'
import { Said } from '../../components/Said'

/** Who it is, how it is, and what can be done. */
export function MachineHead({ machine }: { machine: Machine }) {
  const { t } = useTranslation()
  const { t: own } = useTranslation('machine')
  const may = useMay()
  return (
    <div>
      <PageHead
        title={machine.name}
        beside={<ConnectionBadge connection={machine.connection} />}
        actions={<MachineActions machine={machine} />}
      />
      <Group gap="md">
        <Text size="sm">{t(`machineState.${machine.state}`)}</Text>
        {machine.model && (
          <Text size="sm">
            <Said>{machine.model}</Said>
          </Text>
        )}
        <Text size="sm" c="dimmed">
          {own('lastSeen')} <TimeAgo at={machine.connection.last_seen_at} />
        </Text>
        {may('alarms.read') && <AlarmSummary machine={machine} />}
      </Group>
    </div>
  )
}

const WORST_FIRST: Severity[] = ['critical', 'major', 'minor', 'warning', 'indeterminate']

function AlarmSummary({ machine }: { machine: Machine }) {
  const { t } = useTranslation('machine')
  const { items, hasMore, isPending } = useAlarms({ machine_id: machine.id, state: 'open' })
  if (isPending && !machine.alarms) return null
  const active = machine.alarms?.active ?? items.length
  const worst =
    machine.alarms?.worst ??
    WORST_FIRST.find((severity) => items.some((alarm) => alarm.severity === severity))
  if (active === 0) return <Text size="sm">{t('noAlarms')}</Text>
  return (
    <Group gap={6}>
      {worst && <SeverityBadge severity={worst} />}
      <Anchor component={Link} to={`/machines/${machine.id}/alarms`} size="sm">
        {t(hasMore && !machine.alarms ? 'alarmsAtLeast' : 'alarms', { count: active })}
      </Anchor>
    </Group>
  )
}
