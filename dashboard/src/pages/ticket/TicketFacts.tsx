import { Button, Group, Text } from '@mantine/core'
import type { ReactNode } from 'react'
import { useTranslation } from 'react-i18next'
import { usePersonName } from '../../api/names'
import { useMay, useMe } from '../../api/people'
import { useUpdateTicket } from '../../api/tickets'
import type { Ticket } from '../../api/types'
import { Actor } from '../../components/Actor'
import { Facts } from '../../components/Facts'
import { Section } from '../../components/Section'
import { useNotify } from '../../components/trouble'
import { useFormat } from '../../format/use'
import classes from './ticket.module.css'
import { Said } from '../../components/Said'

/** Who works on it, what it is about, when it was what. */
export function TicketFacts({ ticket }: { ticket: Ticket }) {
  const { t } = useTranslation('tickets')
  const format = useFormat()
  const facts: [string, ReactNode][] = [
    [t('assignee'), <Assignee key="assignee" ticket={ticket} />],
    [t('openedBy'), <Actor key="by" actor={ticket.opened_by} />],
    [t('openedAt'), format.dateTime(ticket.created_at)],
  ]
  if (ticket.resolved_at) facts.push([t('resolvedAt'), format.dateTime(ticket.resolved_at)])
  if (ticket.resolution_code) {
    facts.push([t('howResolved'), t(`resolution.${ticket.resolution_code}`)])
  }
  if (ticket.resolution)
    facts.push([t('resolutionWords'), <Said key="words">{ticket.resolution}</Said>])
  if (ticket.closed_at) facts.push([t('closedAt'), format.dateTime(ticket.closed_at)])
  for (const [system, id] of Object.entries(ticket.external_ids)) {
    facts.push([system, <Said key={system}>{id}</Said>])
  }
  return (
    <Section title={t('section.facts')}>
      {ticket.description && (
        <Text size="sm" mb="sm" className={classes.words}>
          <Said>{ticket.description}</Said>
        </Text>
      )}
      <Facts items={facts} />
    </Section>
  )
}

function Assignee({ ticket }: { ticket: Ticket }) {
  const { t } = useTranslation('tickets')
  const may = useMay()
  const notify = useNotify()
  const { data: me } = useMe()
  const personName = usePersonName(!!ticket.assignee_id && !ticket.assignee_name)
  const { mutate, isPending } = useUpdateTicket()
  const name = ticket.assignee_name ?? personName(ticket.assignee_id) ?? t('somebody')
  const canTake =
    may('tickets.write') &&
    me?.kind === 'user' &&
    ticket.assignee_id !== me.id &&
    ticket.state !== 'closed' &&
    ticket.state !== 'canceled'
  const take = () =>
    mutate(
      { ticket, change: { assignee_id: me?.id } },
      { onSuccess: () => notify.done(t('taken')), onError: notify.failed },
    )
  return (
    <Group gap="xs">
      <Said>{ticket.assignee_id ? name : t('nobody')}</Said>
      {canTake && (
        <Button size="compact-xs" variant="default" onClick={take} loading={isPending}>
          {t('takeIt')}
        </Button>
      )}
    </Group>
  )
}
