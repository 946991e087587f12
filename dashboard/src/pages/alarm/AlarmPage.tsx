import { Alert, Anchor, Stack, Text } from '@mantine/core'
import type { ReactNode } from 'react'
import { useTranslation } from 'react-i18next'
import { Link, useParams } from 'react-router'
import { useAlarm } from '../../api/alarms'
import { useMay } from '../../api/people'
import { useEvidence } from '../../api/tickets'
import type { Alarm } from '../../api/types'
import { AlarmActions } from '../../components/alarms/AlarmActions'
import { AlarmDetails } from '../../components/alarms/AlarmDetails'
import { RuleLink } from '../../components/alarms/RuleLink'
import { useAlarmWords } from '../../components/alarms/words'
import { SeverityBadge } from '../../components/badges'
import { Facts } from '../../components/Facts'
import { Loaded } from '../../components/Loaded'
import { MachineLink } from '../../components/MachineLink'
import { PageHead } from '../../components/PageHead'
import { Section } from '../../components/Section'
import { useFormat } from '../../format/use'
import { AlarmChart } from './AlarmChart'
import { Explanation } from './Explanation'
import { Feedback } from './Feedback'

/** One alarm: why it was raised, what was measured around it, and what it was worth. */
export function AlarmPage() {
  const { t } = useTranslation('alarms')
  const { id = '' } = useParams()
  const alarm = useAlarm(id)
  return (
    <>
      {!alarm.data && <PageHead title={t('one')} />}
      <Loaded query={alarm} height={240}>
        {(data) => <Inside key={data.id} alarm={data as Alarm} />}
      </Loaded>
    </>
  )
}

function Inside({ alarm }: { alarm: Alarm }) {
  const { t } = useTranslation('alarms')
  const may = useMay()
  const words = useAlarmWords()
  return (
    <>
      <PageHead
        title={words(alarm)}
        beside={<SeverityBadge severity={alarm.severity} />}
        actions={<AlarmActions alarm={alarm} />}
      />
      <Stack gap="md" maw={980}>
        <FoundUnfounded alarm={alarm} />
        <AlarmFacts alarm={alarm} />
        <Explanation alarm={alarm} />
        {may('telemetry.read') && <AlarmChart alarm={alarm} />}
        <Feedback alarm={alarm} />
        <Section title={t('details.title')}>
          <AlarmDetails alarm={alarm} />
        </Section>
      </Stack>
    </>
  )
}

/** With late samples it would not have been raised, by the rule of when that was found. */
function FoundUnfounded({ alarm: { revision } }: { alarm: Alarm }) {
  const { t } = useTranslation('alarms')
  const format = useFormat()
  if (!revision) return null
  return (
    <Alert color="blue" title={t('revisions.kind.unfounded')} data-testid="unfounded">
      {t('revisions.ofAlarm', { when: format.dateTime(revision.found_at) })}
    </Alert>
  )
}

function AlarmFacts({ alarm }: { alarm: Alarm }) {
  const { t } = useTranslation('alarms')
  const { t: common } = useTranslation()
  const format = useFormat()
  const reason = t(`cleared.${alarm.clear_reason ?? 'normal'}`)
  const state = alarm.active
    ? t('active')
    : t('flag.cleared', { when: format.dateTime(alarm.cleared_at), reason })
  const machine = <MachineLink id={alarm.machine_id} name={alarm.machine_name} />
  const facts: (readonly [string, ReactNode])[] = [
    [t('machine'), machine],
    [t('details.raised'), format.dateTime(alarm.raised_at)],
    [t('state'), state],
  ]
  if (alarm.rule_id) {
    facts.push([t('origin.rule'), <RaisedBy key="rule" alarm={alarm} ruleId={alarm.rule_id} />])
  }
  if (alarm.ticket_id) {
    const text = alarm.ticket_number
      ? t('ticketNumber', { number: alarm.ticket_number })
      : t('ticket')
    const ticket = (
      <Anchor component={Link} to={`/tickets/${alarm.ticket_id}`} size="sm">
        {text}
      </Anchor>
    )
    facts.push([common('nav.tickets'), ticket])
  }
  return <Facts items={facts} />
}

/** The rule that raised it, in the version that it had then where that was kept. */
function RaisedBy({ alarm, ruleId }: { alarm: Alarm; ruleId: string }) {
  const may = useMay()
  return (
    <>
      <RuleLink id={ruleId} name={alarm.rule_name} />
      {alarm.ticket_id && may('tickets.read') && (
        <RuleVersion alarmId={alarm.id} ticketId={alarm.ticket_id} />
      )}
    </>
  )
}

function RuleVersion({ alarmId, ticketId }: { alarmId: string; ticketId: string }) {
  const { t } = useTranslation('alarms')
  const { data } = useEvidence(ticketId)
  const evidence = data?.items.find((one) => one.alarm_id === alarmId)
  const version: unknown = evidence && (evidence.versions as Record<string, unknown>).rule_version
  if (typeof version !== 'number') return null
  return (
    <Text span size="sm" c="dimmed">
      {' '}
      {t('ruleVersion', { version })}
    </Text>
  )
}
