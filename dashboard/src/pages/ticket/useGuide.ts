import { useAlarms } from '../../api/alarms'
import { useCatalogue, useCommands } from '../../api/commands'
import { useMay } from '../../api/people'
import type { Ticket } from '../../api/types'
import { guideOf } from './guide'

/** What to do next, from the ticket's alarms and commands and what the machine can be told. */
export function useGuide(ticket: Ticket) {
  const may = useMay()
  const alarms = useAlarms({ ticket_id: ticket.id })
  const commands = useCommands({ ticket_id: ticket.id })
  const catalogue = useCatalogue(may('commands.read') ? ticket.machine_id : undefined)
  const guide = guideOf(alarms.items, commands.items, catalogue.data?.commands ?? [])
  const isPending = alarms.isPending || (may('commands.read') && catalogue.isPending)
  return { ...guide, alarms: alarms.items, isPending }
}

export type TicketGuide = ReturnType<typeof useGuide>
