/** States as coloured words; the word always says it too, never the colour alone. */
import { Badge, type BadgeProps } from '@mantine/core'
import { useTranslation } from 'react-i18next'
import type { CommandState, Machine, Priority, Quality, Severity, TicketState } from '../api/types'
import classes from './badges.module.css'

type Tone = 'critical' | 'major' | 'minor' | 'warning' | 'good' | 'busy' | 'plain'

/** A coloured word; the colour only repeats what the word says. */
export function ToneBadge({
  tone,
  children,
  ...props
}: { tone: Tone; children: string } & BadgeProps) {
  return (
    <Badge {...props} className={classes.badge} data-tone={tone} tt="none" fw={600}>
      {children}
    </Badge>
  )
}

export function SeverityBadge({ severity }: { severity: Severity }) {
  const { t } = useTranslation()
  const tone = severity === 'indeterminate' ? 'plain' : severity
  return <ToneBadge tone={tone}>{t(`severity.${severity}`)}</ToneBadge>
}

const PRIORITY: Record<Priority, Tone> = { P1: 'critical', P2: 'major', P3: 'minor', P4: 'plain' }

export function PriorityBadge({ priority }: { priority: Priority }) {
  return <ToneBadge tone={PRIORITY[priority]}>{priority}</ToneBadge>
}

const TICKET: Record<TicketState, Tone> = {
  new: 'major',
  in_progress: 'busy',
  on_hold: 'warning',
  resolved: 'good',
  closed: 'plain',
  canceled: 'plain',
}

export function TicketStateBadge({ state }: { state: TicketState }) {
  const { t } = useTranslation()
  return (
    <ToneBadge tone={TICKET[state]} data-state={state}>
      {t(`ticketState.${state}`)}
    </ToneBadge>
  )
}

const COMMAND: Record<CommandState, Tone> = {
  awaiting_approval: 'warning',
  queued: 'busy',
  sent: 'busy',
  received: 'busy',
  awaiting_consent: 'warning',
  running: 'busy',
  unconfirmed: 'warning',
  succeeded: 'good',
  failed: 'critical',
  timed_out: 'critical',
  rejected: 'major',
  canceled: 'plain',
  expired: 'major',
  interrupted: 'critical',
}

export function CommandStateBadge({ state }: { state: CommandState }) {
  const { t } = useTranslation()
  return (
    <ToneBadge tone={COMMAND[state]} data-state={state}>
      {t(`commandState.${state}`)}
    </ToneBadge>
  )
}

export function ConnectionBadge({ connection }: { connection: Machine['connection'] }) {
  const { t } = useTranslation()
  const state = connection.connected ? 'online' : connection.last_seen_at ? 'offline' : 'never'
  const tone = { online: 'good', offline: 'critical', never: 'plain' } as const
  return (
    <ToneBadge tone={tone[state]} data-connection={state}>
      {t(`connection.${state}`)}
    </ToneBadge>
  )
}

export function QualityBadge({ quality }: { quality: Quality }) {
  const { t } = useTranslation()
  const tone = { good: 'good', uncertain: 'warning', bad: 'critical' } as const
  return <ToneBadge tone={tone[quality]}>{t(`quality.${quality}`)}</ToneBadge>
}
