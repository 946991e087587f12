import { Box, Code, Text } from '@mantine/core'
import { useTranslation } from 'react-i18next'
import type { Alarm } from '../../api/types'
import { useFormat } from '../../format/use'
import { Facts } from '../Facts'
import classes from './alarms.module.css'
import { MESSAGE_KEY } from './explain'

/** Values when it was raised, its times and its ids. */
export function AlarmDetails({ alarm }: { alarm: Alarm }) {
  const { t } = useTranslation('alarms')
  const format = useFormat()
  const values = Object.entries(alarm.context)
    .filter(([name]) => alarm.origin !== 'rule' || name !== MESSAGE_KEY)
    .map(
      ([name, value]) =>
        [name, isMoment(value) ? format.dateTime(value) : format.measured(value)] as const,
    )
  const times = [
    [t('details.raised'), format.dateTime(alarm.raised_at)],
    [t('details.received'), format.dateTime(alarm.received_at)],
    [t('details.changed'), format.dateTime(alarm.changed_at)],
    [t('details.acknowledged'), format.dateTime(alarm.acknowledged_at)],
    [t('details.cleared'), format.dateTime(alarm.cleared_at)],
  ] as const
  const ids = [
    [t('details.origin'), t(`origin.${alarm.origin}`)],
    [t('details.code'), <Code key="code">{alarm.code}</Code>],
    [t('details.alarmId'), <Code key="alarm">{alarm.id}</Code>],
    [t('details.machineId'), <Code key="machine">{alarm.machine_id}</Code>],
  ] as const
  return (
    <div className={classes.details}>
      <Box>
        <Text fw={600} size="sm">
          {t('details.values')}
        </Text>
        {values.length > 0 ? (
          <Facts items={values} />
        ) : (
          <Text size="sm">{t('details.noValues')}</Text>
        )}
      </Box>
      <Box>
        <Text fw={600} size="sm">
          {t('details.times')}
        </Text>
        <Facts items={times} />
      </Box>
      <Box>
        <Text fw={600} size="sm">
          {t('details.ids')}
        </Text>
        <Facts items={ids} />
      </Box>
    </div>
  )
}

/** Values that are moments are told as RFC 3339. */
function isMoment(value: unknown): value is string {
  return typeof value === 'string' && /^\d{4}-\d{2}-\d{2}T[\d:.]+Z$/.test(value)
}
