import { Group, Text } from '@mantine/core'
import { useTranslation } from 'react-i18next'
import type { Machine } from '../../api/types'
import { ConnectionBadge, SeverityBadge } from '../../components/badges'
import { TimeAgo } from '../../components/TimeAgo'
import { NOTHING } from '../../format/format'
import { useFormat, useNow } from '../../format/use'
import type { FleetValues } from './values/useValues'
import type { Column, View } from './view'
import { Said } from '../../components/Said'

export interface FleetListProps {
  machines: readonly Machine[]
  /** By id. */
  siteNames: ReadonlyMap<string, string>
  /** Newest values of the signals that the view names. */
  values: FleetValues
  view: View
  onChange: (part: Partial<View>) => void
  /** Whether more machines are still on their way. */
  isFilling: boolean
}

/** What a column says of a machine; the name is the row's link and made by the list. */
export function Cell(props: {
  machine: Machine
  column: Exclude<Column, 'name'>
  site: string | undefined
}) {
  const { machine, column, site } = props
  const { t } = useTranslation()
  switch (column) {
    case 'model':
      return <Said>{machine.model ?? NOTHING}</Said>
    case 'site':
      return <>{site ?? NOTHING}</>
    case 'state':
      return <>{t(`machineState.${machine.state}`)}</>
    case 'connection':
      return <ConnectionBadge connection={machine.connection} />
    case 'contact':
      return <TimeAgo at={machine.connection.last_seen_at} />
    case 'alarms':
      return <Alarms machine={machine} />
    case 'maintenance':
      return machine.maintenance_until ? <Maintenance until={machine.maintenance_until} /> : null
  }
}

function Alarms({ machine }: { machine: Machine }) {
  const { t } = useTranslation('fleet')
  const { active = 0, worst } = machine.alarms ?? {}
  if (active === 0) return null
  return (
    <Group gap={6} wrap="nowrap">
      {worst && <SeverityBadge severity={worst} />}
      <Text span size="sm" aria-label={t('alarms', { count: active })}>
        {active}
      </Text>
    </Group>
  )
}

function Maintenance({ until }: { until: string }) {
  const { t } = useTranslation('fleet')
  const format = useFormat()
  const now = useNow()
  const isToday = format.date(until) === format.date(now)
  const when = isToday ? format.timeOfDay(until) : format.date(until)
  return <span title={format.dateTime(until)}>{t('until', { when })}</span>
}
