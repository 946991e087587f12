import { Anchor, Group, Text } from '@mantine/core'
import { useTranslation } from 'react-i18next'
import { Link } from 'react-router'
import { useRevisions } from '../../api/alarms'
import type { AlarmRevision } from '../../api/types'
import { useMadeWords } from '../../components/alarms/madeWords'
import { RuleLink } from '../../components/alarms/RuleLink'
import { SeverityBadge, ToneBadge } from '../../components/badges'
import { ListFrame } from '../../components/ListFrame'
import { Said } from '../../components/Said'
import { Section } from '../../components/Section'
import { useFormat } from '../../format/use'
import classes from './machine.module.css'

/** What samples have shown that came too late for rules, by the rules of when it was found. */
export function FoundLater({ machineId }: { machineId: string }) {
  const { t } = useTranslation('alarms')
  const list = useRevisions(machineId)
  return (
    <Section title={t('revisions.title')}>
      <Text size="sm" c="dimmed" mb="xs">
        {t('revisions.about')}
      </Text>
      <ListFrame list={list} empty={t('revisions.none')}>
        {(items) => (
          <ul className={classes.entries} aria-label={t('revisions.title')}>
            {items.map((each) => (
              <Revision key={each.id} revision={each} />
            ))}
          </ul>
        )}
      </ListFrame>
    </Section>
  )
}

function Revision({ revision }: { revision: AlarmRevision }) {
  const { t } = useTranslation('alarms')
  const format = useFormat()
  const made = useMadeWords()
  const { kind, severity, alarm_id: alarmId } = revision
  const message = made(revision.context) || revision.message
  const from = format.dateTime(revision.from)
  const span = revision.to
    ? t('revisions.span', { from, to: format.dateTime(revision.to) })
    : t('revisions.since', { from })
  return (
    <li>
      <Group gap="xs">
        <ToneBadge tone="plain">{t(`revisions.kind.${kind}`)}</ToneBadge>
        {severity && <SeverityBadge severity={severity} />}
        <Text size="sm" fw={600}>
          <Said>{message}</Said>
        </Text>
        <RuleName revision={revision} />
        {alarmId && (
          <Anchor component={Link} to={`/alarms/${alarmId}`} size="sm">
            {t('revisions.alarm')}
          </Anchor>
        )}
      </Group>
      <Text size="sm">
        {span}. {t(`revisions.means.${kind}`)}
      </Text>
      <Text size="xs" c="dimmed">
        {t('revisions.found', { when: format.dateTime(revision.found_at) })}
      </Text>
    </li>
  )
}

function RuleName({ revision }: { revision: AlarmRevision }) {
  const { t } = useTranslation('alarms')
  if (!revision.rule_id || !revision.rule_name) return null
  const version = revision.rule_version
  return (
    <Text span size="sm">
      <RuleLink id={revision.rule_id} name={revision.rule_name} />
      {typeof version === 'number' && ` ${t('ruleVersion', { version })}`}
    </Text>
  )
}
