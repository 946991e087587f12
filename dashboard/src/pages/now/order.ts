/** What stands first on the page. Pure. */
import type { Alarm, Command, Severity, Ticket } from '../../api/types'
import { SEVERITIES } from '../../components/alarms/words'

/** How many of each list are shown. */
export const TOP = 10

/** The most urgent first; of the same urgency the oldest. */
export function byPriority(a: Ticket, b: Ticket): number {
  return a.priority.localeCompare(b.priority) || Date.parse(a.created_at) - Date.parse(b.created_at)
}

/** How many of each severity, the worst first; none left out. */
export function bySeverity(alarms: readonly Alarm[]): [Severity, number][] {
  return SEVERITIES.map((severity): [Severity, number] => [
    severity,
    alarms.filter((alarm) => alarm.severity === severity).length,
  ]).filter(([, count]) => count > 0)
}

/** Commands that wait for somebody, in the order in which they are shown. */
export const WAITING = ['awaiting_consent', 'awaiting_approval', 'unconfirmed'] as const

/** Those first that wait for somebody, of these the oldest. */
export function byWaiting(a: Command, b: Command): number {
  return rank(a) - rank(b) || Date.parse(a.created_at) - Date.parse(b.created_at)
}

function rank(command: Command): number {
  const index = WAITING.findIndex((state) => state === command.state)
  return index < 0 ? WAITING.length : index
}
