import { useAlarms } from '../../api/alarms'
import { useCommands } from '../../api/commands'
import { useMachines } from '../../api/machines'
import type { List } from '../../api/pages'
import { useMay } from '../../api/people'
import { useTickets } from '../../api/tickets'
import type { Alarm, Command, Machine, Ticket } from '../../api/types'

/** Most that is counted; beyond it the page says "at least". */
const COUNTED_MAX = 500

export interface Situation {
  /** Undefined where the person may not see it. */
  alarms: List<Alarm> | undefined
  tickets: List<Ticket> | undefined
  commands: List<Command> | undefined
  machines: List<Machine> | undefined
  isEmptyFleet: boolean
  isAllWell: boolean
}

/** Everything that is open now; kept current by events. */
export function useSituation(): Situation {
  const may = useMay()
  const limit = { limit: COUNTED_MAX }
  const alarms = useAlarms({ state: 'open' }, limit)
  const tickets = useTickets({ state: 'open' }, limit)
  const commands = useCommands({ state: 'open' }, limit)
  // The fleet page keeps the same list.
  const machines = useMachines({}, { all: true })
  const inUse = machines.items.filter((machine) => machine.state === 'commissioned')
  return {
    alarms: may('alarms.read') ? alarms : undefined,
    tickets: may('tickets.read') ? tickets : undefined,
    commands: may('commands.read') ? commands : undefined,
    machines: may('machines.read') ? machines : undefined,
    isEmptyFleet: isNone(machines),
    isAllWell:
      isNone(alarms) &&
      isNone(tickets) &&
      isNone(commands) &&
      inUse.length > 0 &&
      !machines.hasMore &&
      inUse.every((machine) => machine.connection.connected),
  }
}

/** Known to be empty. */
function isNone(list: List<unknown>): boolean {
  return list.items.length === 0 && !list.isPending && !list.error
}
