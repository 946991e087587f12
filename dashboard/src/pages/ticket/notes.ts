/** The platform's notes on a ticket, taken apart. What isn't as expected is left out. Pure. */
import type { TicketComment } from '../../api/types'

const NOTES = [
  'opened',
  'alarm_joined',
  'alarms_grouped',
  'alarm_flapping',
  'root_changed',
  'ticket_merged',
  'merged',
  'split',
  'split_from',
  'alarm_cleared',
  'priority_raised',
  'reopened',
  'state_changed',
  'updated',
  'help_requested',
  'command_issued',
  'command_ended',
] as const
export type Note = (typeof NOTES)[number]

/** What happened; undefined for a person's words and for notes of a later version. */
export function noteOf(comment: TicketComment): Note | undefined {
  return NOTES.find((known) => known === comment.note)
}

export interface FieldChange {
  field: string
  from: unknown
  to: unknown
}

/** Fields that were changed, from what to what. */
export function changesOf(comment: TicketComment): FieldChange[] {
  const data: Record<string, unknown> = comment.data
  return Object.entries(data).flatMap(([field, value]) => {
    if (typeof value !== 'object' || value === null || !('from' in value && 'to' in value))
      return []
    return [{ field, from: value.from, to: value.to }]
  })
}

/** A word of the note's data. */
export function wordOf(comment: TicketComment, field: string): string | undefined {
  const value: unknown = comment.data[field]
  if (typeof value === 'string' && value !== '') return value
  // Moves by hand say it as a change.
  const change = changesOf(comment).find((one) => one.field === field)
  return typeof change?.to === 'string' ? change.to : undefined
}
