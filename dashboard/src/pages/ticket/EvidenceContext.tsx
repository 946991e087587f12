import { Code, Stack, Text } from '@mantine/core'
import type { ReactNode } from 'react'
import { useTranslation } from 'react-i18next'
import type { Evidence } from '../../api/types'
import { useFormat } from '../../format/use'
import classes from './ticket.module.css'

const VERSIONS = ['agent', 'model', 'rule_version'] as const

/** What else was so when the alarm was raised: other alarms, events, versions. */
export function EvidenceContext({ evidence }: { evidence: Evidence }) {
  const { t } = useTranslation('tickets')
  const format = useFormat()
  const alarms = evidence.active_alarms.map(record).filter(({ id }) => id !== evidence.alarm_id)
  const events = evidence.events.map(record)
  const told: Record<string, unknown> = evidence.versions
  const versions = VERSIONS.filter((name) => told[name] !== undefined && told[name] !== null)
  return (
    <Stack gap="xs">
      {alarms.length > 0 && (
        <Part title={t('evidence.otherAlarms')}>
          {alarms.map((alarm, index) => (
            <li key={index}>
              {word(alarm.message) || word(alarm.code)} ({format.dateTime(word(alarm.raised_at))})
            </li>
          ))}
        </Part>
      )}
      {events.length > 0 && (
        <Part title={t('evidence.events')}>
          {events.map((event, index) => (
            <li key={index}>
              {format.timeOfDay(word(event.ts))} <Code>{word(event.type)}</Code>{' '}
              {word(record(event.data).message) || word(record(event.data).name)}
            </li>
          ))}
        </Part>
      )}
      <Text size="sm" c="dimmed">
        {t('evidence.taken', { when: format.dateTime(evidence.taken_at) })}
        {versions.map((name) => ` · ${t(`evidence.version.${name}`)} ${String(told[name])}`)}
      </Text>
    </Stack>
  )
}

function Part({ title, children }: { title: string; children: ReactNode }) {
  return (
    <div>
      <Text size="sm" fw={600}>
        {title}
      </Text>
      <ul className={classes.events}>{children}</ul>
    </div>
  )
}

function record(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? { ...value } : {}
}

function word(value: unknown): string {
  return typeof value === 'string' ? value : ''
}
