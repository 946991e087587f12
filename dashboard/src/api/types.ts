/** The API's types under the names that pages use. Generated from `openapi.json`. */
import type { components } from './schema'

type Schemas = components['schemas']
export type ActorRef = Schemas['ActorRef'] & { name?: string | null }
export type Alarm = Schemas['Alarm'] & {
  machine_name?: string | null
  ticket_number?: string | null
  rule_name?: string | null
}
export type AuditItem = Schemas['AuditItem']
export type Catalogue = Schemas['Catalogue']
export type CatalogueEntry = Schemas['CatalogueEntry']
export type Command = Schemas['Command'] & {
  machine_name?: string | null
  ticket_number?: string | null
}
export type CommandClass = Schemas['CommandClass']
export type CommandState = Schemas['CommandState']
export type CreateMachine = Schemas['CreateMachine']
export type CreateTicket = Schemas['CreateTicket']
export type DomainEvent = Schemas['DomainEvent']
export type Evidence = Schemas['Evidence']
export type HoldReason = Schemas['HoldReason']
export type IssueCommand = Schemas['IssueCommand']
export type LiveSample = Schemas['LiveSample']
export type Loss = Schemas['Loss']
export type Machine = Schemas['Machine'] & {
  alarms?: { active: number; unacknowledged: number; worst?: Severity | null }
}
export type MachineCertificate = Schemas['MachineCertificate']
export type MachineEvent = Schemas['MachineEvent']
export type Maintenance = Schemas['Maintenance']
export type Me = Schemas['Me']
export type MoveTicket = Schemas['MoveTicket']
export type Organization = Schemas['Organization']
export type Priority = Schemas['Priority']
export type Quality = Schemas['Quality']
export type Quarantined = Schemas['Quarantined']
export type ResolutionCode = Schemas['ResolutionCode']
export type Rule = Schemas['Rule']
export type RuleInput = Schemas['RuleInput']
export type Severity = Schemas['Severity']
export type Signal = Schemas['Signal']
export type Site = Schemas['Site']
export type TelemetrySeries = Schemas['TelemetrySeries']
export type Ticket = Schemas['Ticket'] & {
  machine_name?: string | null
  assignee_name?: string | null
}
export type TicketComment = Schemas['TicketComment']
export type TicketState = Schemas['TicketState']
export type UpdateTicket = Schemas['UpdateTicket']
export type User = Schemas['User']

/** One page of a list. */
export interface Page<T> {
  items: T[]
  next_cursor?: string | null
}
