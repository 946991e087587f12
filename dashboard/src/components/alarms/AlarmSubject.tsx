import { Anchor, Code, Group } from '@mantine/core'
import { useTranslation } from 'react-i18next'
import { Link } from 'react-router'
import type { ActorRef, Alarm } from '../../api/types'
import { useFormat, useNow } from '../../format/use'
import { ToneBadge } from '../badges'
import { isShelved, useAlarmWords } from './words'
import { Said } from '../Said'

/** What is wrong, where it comes from, and what was done with it. */
export function AlarmSubject({ alarm, showTicket }: { alarm: Alarm; showTicket: boolean }) {
  const { t } = useTranslation('alarms')
  const words = useAlarmWords()
  const format = useFormat()
  const flags = useFlags(alarm)
  return (
    <div>
      <Anchor component={Link} to={`/alarms/${alarm.id}`} fw={550} size="sm">
        <Said>{words(alarm)}</Said>
      </Anchor>
      {alarm.flapping && (
        <span title={t('flapping.since', { when: format.dateTime(alarm.flapping.since) })}>
          <ToneBadge tone="warning">
            {t('flapping.badge', { count: alarm.flapping.count })}
          </ToneBadge>
        </span>
      )}
      <Group gap="4px 12px" c="dimmed" fz="sm">
        <Origin alarm={alarm} />
        {alarm.count > 1 && <span>{t('count', { count: alarm.count })}</span>}
        {flags.map((flag) => (
          <span key={flag}>{flag}</span>
        ))}
        {showTicket && alarm.ticket_id && (
          <Anchor component={Link} to={`/tickets/${alarm.ticket_id}`} size="sm">
            {alarm.ticket_number ? t('ticketNumber', { number: alarm.ticket_number }) : t('ticket')}
          </Anchor>
        )}
      </Group>
    </div>
  )
}

function Origin({ alarm }: { alarm: Alarm }) {
  const { t } = useTranslation('alarms')
  if (alarm.origin === 'contact') return null
  if (alarm.origin === 'fault') {
    return (
      <span>
        {alarm.source && (
          <>
            <Said>{alarm.source}</Said>
            {' · '}
          </>
        )}
        <Code>
          <Said>{alarm.code ?? ''}</Said>
        </Code>
      </span>
    )
  }
  const text = alarm.rule_name ? t('rule', { name: alarm.rule_name }) : t('unnamedRule')
  // One that was deleted, or that the reader may not see, has no page.
  const hasPage = !!alarm.rule_name && alarm.clear_reason !== 'rule_deleted'
  if (!alarm.rule_id || !hasPage) return <span>{text}</span>
  return (
    <Anchor component={Link} to={`/rules/${alarm.rule_id}`} size="sm">
      {text}
    </Anchor>
  )
}

function useFlags(alarm: Alarm): string[] {
  const { t } = useTranslation('alarms')
  const format = useFormat()
  const now = useNow()
  const flags: string[] = []
  if (alarm.acknowledged) {
    const by: ActorRef | null | undefined = alarm.acknowledged_by
    const who = by?.name
    flags.push(who ? t('flag.acknowledgedBy', { who }) : t('flag.acknowledged'))
  }
  if (isShelved(alarm, now)) {
    flags.push(t('flag.shelved', { until: format.dateTime(alarm.shelved_until) }))
  }
  if (alarm.out_of_service) flags.push(t('flag.outOfService'))
  if (alarm.active && alarm.suppressed_by) flags.push(t(`suppressed.${alarm.suppressed_by}`))
  if (!alarm.active) {
    flags.push(
      t('flag.cleared', {
        when: format.dateTime(alarm.cleared_at),
        reason: t(`cleared.${alarm.clear_reason ?? 'normal'}`),
      }),
    )
  }
  return flags
}
