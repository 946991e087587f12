import { useTranslation } from 'react-i18next'
import type { List } from '../../api/pages'
import type { Ticket } from '../../api/types'
import { TicketRows } from '../../components/tickets/TicketRows'
import { byPriority } from './order'
import { TopList } from './TopList'

/** Open tickets, the most urgent and oldest first. */
export function OpenTickets({ list }: { list: List<Ticket> }) {
  const { t } = useTranslation('now')
  return (
    <TopList
      list={list}
      title={t('tickets.title')}
      empty={t('tickets.none')}
      all={{ to: '/tickets', text: t('tickets.all') }}
      order={byPriority}
    >
      {(tickets) => <TicketRows tickets={tickets} showMachine />}
    </TopList>
  )
}
