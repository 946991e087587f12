/** What can be done with the alarms of a ticket. Pure. */
import type { Ticket } from '../../api/types'

/** Whether alarms can be taken out: somebody still works on it. */
export function isSplittable(ticket: Pick<Ticket, 'state'>): boolean {
  return ['new', 'in_progress', 'on_hold'].includes(ticket.state)
}
