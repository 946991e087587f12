import { SegmentedControl, Text } from '@mantine/core'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { useEvidence } from '../../api/tickets'
import type { Alarm, Evidence, Ticket } from '../../api/types'
import { Loaded } from '../../components/Loaded'
import { Section } from '../../components/Section'
import { useFormat } from '../../format/use'
import { EvidenceChart } from './EvidenceChart'
import { EvidenceContext } from './EvidenceContext'

/** What the machine measured and told around each alarm. */
export function EvidencePanel({ ticket, alarms }: { ticket: Ticket; alarms: readonly Alarm[] }) {
  const { t } = useTranslation('tickets')
  const query = useEvidence(ticket.id)
  return (
    <Section title={t('section.evidence')}>
      <Loaded query={query} height={260}>
        {({ items }) =>
          items.length > 0 ? (
            <Choice ticket={ticket} items={items} alarms={alarms} />
          ) : (
            <Text c="dimmed">
              {ticket.alarms > 0 ? t('evidence.collecting') : t('evidence.none')}
            </Text>
          )
        }
      </Loaded>
    </Section>
  )
}

interface ChoiceProps {
  ticket: Ticket
  items: readonly Evidence[]
  alarms: readonly Alarm[]
}

function Choice({ ticket, items, alarms }: ChoiceProps) {
  const { t } = useTranslation('tickets')
  const format = useFormat()
  const [chosen, setChosen] = useState<string>()
  // The newest is what somebody works on.
  const shown = items.find((one) => one.alarm_id === chosen) ?? items[items.length - 1]
  if (!shown) return null
  const raisedAt = (one: Evidence) =>
    alarms.find((alarm) => alarm.id === one.alarm_id)?.raised_at ?? one.taken_at
  return (
    <>
      {items.length > 1 && (
        <SegmentedControl
          mb="sm"
          maw="100%"
          aria-label={t('evidence.which')}
          value={shown.alarm_id}
          onChange={setChosen}
          data={items.map((one) => ({
            value: one.alarm_id,
            label: format.dateTime(raisedAt(one)),
          }))}
        />
      )}
      <EvidenceChart key={shown.alarm_id} ticket={ticket} evidence={shown} alarms={alarms} />
      <EvidenceContext evidence={shown} />
    </>
  )
}
