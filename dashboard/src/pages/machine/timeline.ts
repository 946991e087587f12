/** What a machine has reported, for the words of the timeline. Pure. */
import type { MachineEvent } from '../../api/types'

export const KINDS = [
  'fault',
  'command',
  'consent',
  'agent',
  'help',
  'outbox',
  'time',
  'rules',
  'alarm',
] as const

/** Types that there are words for; the text's key is the type with `_` for the dot. */
const TYPES = [
  'fault.raised',
  'fault.cleared',
  'fault.snapshot',
  'command.received',
  'command.rejected',
  'command.awaiting_consent',
  'command.started',
  'command.progress',
  'command.succeeded',
  'command.failed',
  'command.timed_out',
  'command.canceled',
  'command.interrupted',
  'agent.started',
  'agent.stopping',
  'agent.capabilities',
  'consent.granted',
  'consent.refused',
  'consent.withdrawn',
  'help.requested',
  'time.requested',
  'outbox.dropped',
  'rules.applied',
  'alarm.local',
] as const

type Known = (typeof TYPES)[number]
type Key<T extends string> = T extends `${infer A}.${infer B}` ? `${A}_${B}` : never
export type EventKey = Key<Known>

/** Undefined for what a newer agent or another vendor reports. */
export function eventKey(type: string): EventKey | undefined {
  const known = TYPES.find((each) => each === type)
  return known?.replace('.', '_') as EventKey | undefined
}

/** What it is about, in a few words of the machine's own. */
export function subjectOf({ data }: MachineEvent): string {
  const words = ['code', 'source', 'message', 'name', 'reason', 'error', 'version'].flatMap(
    (key) => {
      const value = data[key]
      return typeof value === 'string' && value !== '' ? [value] : []
    },
  )
  if (Array.isArray(data.faults)) words.push(String(data.faults.length))
  return words.join(' · ')
}
