import { Group, Text } from '@mantine/core'
import { useTranslation } from 'react-i18next'
import { Link } from 'react-router'
import { usePersonName } from '../../api/names'
import type { Ticket } from '../../api/types'
import { MachineLink } from '../MachineLink'
import { TimeAgo } from '../TimeAgo'
import { PriorityBadge, TicketStateBadge } from '../badges'
import classes from './tickets.module.css'
import { Said } from '../Said'

export function TicketRows({ tickets, showMachine }: { tickets: Ticket[]; showMachine: boolean }) {
  const { t } = useTranslation('tickets')
  return (
    <ul className={classes.list} aria-label={t('list')}>
      {tickets.map((ticket) => (
        <TicketRow key={ticket.id} ticket={ticket} showMachine={showMachine} />
      ))}
    </ul>
  )
}

function TicketRow({ ticket, showMachine }: { ticket: Ticket; showMachine: boolean }) {
  const { t } = useTranslation('tickets')
  const personName = usePersonName(!!ticket.assignee_id && !ticket.assignee_name)
  const assignee = ticket.assignee_name ?? personName(ticket.assignee_id)
  return (
    <li className={classes.row} data-state={ticket.state} data-machine={showMachine || undefined}>
      <span className={classes.priority}>
        <PriorityBadge priority={ticket.priority} />
      </span>
      <div className={classes.subject}>
        <Link to={`/tickets/${ticket.id}`} className={classes.link}>
          <Text component="span" c="dimmed" size="sm" mr={8}>
            {ticket.number}
          </Text>
          <Said>{ticket.title}</Said>
        </Link>
        <Group gap="2px 12px" c="dimmed" fz="sm">
          {ticket.active_alarms > 0 && (
            <span>{t('activeAlarms', { count: ticket.active_alarms })}</span>
          )}
          {ticket.hold_reason && <span>{t(`holdReason.${ticket.hold_reason}`)}</span>}
          {ticket.reopened > 0 && <span>{t('reopened', { count: ticket.reopened })}</span>}
        </Group>
      </div>
      {showMachine && (
        <span className={classes.machine}>
          <MachineLink id={ticket.machine_id} name={ticket.machine_name} />
        </span>
      )}
      <span className={classes.state}>
        <TicketStateBadge state={ticket.state} />
      </span>
      <Text component="span" size="sm" className={classes.assignee}>
        <Said>{ticket.assignee_id ? (assignee ?? t('somebody')) : t('nobody')}</Said>
      </Text>
      <span className={classes.age}>
        <TimeAgo at={ticket.created_at} />
      </span>
    </li>
  )
}
