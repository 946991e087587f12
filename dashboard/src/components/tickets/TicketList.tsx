import { useTranslation } from 'react-i18next'
import { type TicketFilter, useTickets } from '../../api/tickets'
import { ListFrame } from '../ListFrame'
import { TicketRows } from './TicketRows'

/** Tickets, each a link to its page. */
export function TicketList({
  filter,
  showMachine = false,
  limit,
}: {
  filter: TicketFilter
  showMachine?: boolean
  limit?: number
}) {
  const { t } = useTranslation('tickets')
  const list = useTickets(filter, { limit })
  return (
    <ListFrame list={list} empty={filter.state === 'open' ? t('noneOpen') : t('none')}>
      {(tickets) => <TicketRows tickets={tickets} showMachine={showMachine} />}
    </ListFrame>
  )
}
