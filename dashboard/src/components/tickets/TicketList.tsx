import type { TicketFilter } from '../../api/tickets'

/** Tickets, each a link to its page. */
export function TicketList({
  filter,
}: {
  filter: TicketFilter
  showMachine?: boolean
  limit?: number
}) {
  return <div>{filter.machine_id}</div>
}
