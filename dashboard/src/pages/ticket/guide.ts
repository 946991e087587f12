/** What to do next about a ticket. Pure. */
import type { Alarm, CatalogueEntry, Command, CommandState } from '../../api/types'
import { byUrgency } from '../../components/alarms/words'

const UNDER_WAY: readonly CommandState[] = [
  'awaiting_approval',
  'awaiting_consent',
  'unconfirmed',
  'queued',
  'sent',
  'received',
  'running',
]
const WENT_WRONG: readonly CommandState[] = [
  'failed',
  'timed_out',
  'rejected',
  'expired',
  'interrupted',
]

export interface Guide {
  /** The worst alarm that is active now. */
  alarm: Alarm | undefined
  /** Codes of the machine's faults that are active. */
  faultCodes: string[]
  /** Commands that remedy one of them. */
  remedies: CatalogueEntry[]
  /** A command of the ticket that isn't over: one that waits for somebody stands first. */
  underWay: Command | undefined
  /** The newest command, if it went wrong. */
  wentWrong: Command | undefined
}

/** `commands` newest first, as the API gives them. */
export function guideOf(
  alarms: readonly Alarm[],
  commands: readonly Command[],
  catalogue: readonly CatalogueEntry[],
): Guide {
  const active = alarms.filter((alarm) => alarm.active).sort(byUrgency)
  const faultCodes = [...new Set(active.filter(isFault).map((alarm) => alarm.code))]
  const remedies = catalogue.filter((entry) =>
    entry.remedy_for?.some((code) => faultCodes.includes(code)),
  )
  const underWay = commands
    .filter((command) => UNDER_WAY.includes(command.state))
    .sort((a, b) => UNDER_WAY.indexOf(a.state) - UNDER_WAY.indexOf(b.state))[0]
  const newest = commands[0]
  const wentWrong = newest && WENT_WRONG.includes(newest.state) ? newest : undefined
  return { alarm: active[0], faultCodes, remedies, underWay, wentWrong }
}

function isFault(alarm: Alarm): boolean {
  return alarm.origin === 'fault'
}

/** What a command does, in the reader's language, else in English, else its name. */
export function descriptionOf(entry: CatalogueEntry, language: string): string {
  return entry.description?.[language] ?? entry.description?.en ?? entry.name
}
