import { Button, Checkbox, Group, Text } from '@mantine/core'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { useNavigate } from 'react-router'
import { newKey } from '../../api/client'
import { useMay } from '../../api/people'
import { useSplitTicket } from '../../api/tickets'
import type { Ticket, TicketAlarm } from '../../api/types'
import { ConfirmDialog } from '../../components/ConfirmDialog'
import { MachineLink } from '../../components/MachineLink'
import { Said } from '../../components/Said'
import { Section } from '../../components/Section'
import { TimeAgo } from '../../components/TimeAgo'
import { useAlarmWords } from '../../components/alarms/words'
import { SeverityBadge, ToneBadge } from '../../components/badges'
import { useNotify } from '../../components/trouble'
import { isSplittable } from './splitting'
import classes from './ticket.module.css'

/** Alarms of a ticket that has several: the likely root first, and why each is on it. */
export function Causes({ ticket }: { ticket: Ticket }) {
  const { t } = useTranslation('tickets')
  const may = useMay()
  const alarms = ticket.alarm_list ?? []
  const [chosen, setChosen] = useState<string[]>([])
  const [asking, setAsking] = useState(false)
  if (alarms.length < 2) return null
  const canSplit = may('tickets.write') && isSplittable(ticket)
  // What has left the ticket meanwhile isn't taken out once more.
  const taken = chosen.filter((id) => alarms.some((alarm) => alarm.id === id))
  const choose = (id: string, on: boolean) =>
    setChosen((before) => (on ? [...before, id] : before.filter((one) => one !== id)))
  return (
    <Section title={t('section.causes')}>
      <ul className={classes.causes} aria-label={t('section.causes')}>
        {alarms.map((alarm) => (
          <Cause
            key={alarm.id}
            alarm={alarm}
            chosen={canSplit ? taken.includes(alarm.id) : undefined}
            onChoose={(on) => choose(alarm.id, on)}
          />
        ))}
      </ul>
      {ticket.alarms > alarms.length && (
        <Text size="sm" c="dimmed">
          {t('causes.more', { count: ticket.alarms - alarms.length })}
        </Text>
      )}
      {canSplit && (
        <Group mt="sm">
          <Button
            variant="default"
            size="compact-sm"
            disabled={taken.length === 0 || taken.length === alarms.length}
            onClick={() => setAsking(true)}
          >
            {t('split.button')}
          </Button>
          <Text size="sm" c="dimmed">
            {t('split.hint')}
          </Text>
        </Group>
      )}
      {asking && <Split ticket={ticket} alarmIds={taken} onClose={() => setAsking(false)} />}
    </Section>
  )
}

interface CauseProps {
  alarm: TicketAlarm
  /** Undefined where nothing can be taken out. */
  chosen: boolean | undefined
  onChoose: (on: boolean) => void
}

function Cause({ alarm, chosen, onChoose }: CauseProps) {
  const { t } = useTranslation('tickets')
  const words = useAlarmWords()
  const name = words(alarm)
  return (
    <li className={classes.cause} data-role={alarm.role}>
      {chosen !== undefined && (
        <Checkbox
          checked={chosen}
          onChange={(event) => onChoose(event.currentTarget.checked)}
          aria-label={t('split.choose', { alarm: name, machine: alarm.machine_name ?? '' })}
        />
      )}
      <div>
        <Group gap="4px 8px">
          <ToneBadge tone={alarm.role === 'root' ? 'major' : 'plain'}>
            {t(`role.${alarm.role}`)}
          </ToneBadge>
          <SeverityBadge severity={alarm.severity} />
          <Text size="sm" fw={550}>
            <Said>{name}</Said>
          </Text>
        </Group>
        <Group gap="4px 12px" c="dimmed" fz="sm">
          <MachineLink id={alarm.machine_id} name={alarm.machine_name} />
          <TimeAgo at={alarm.raised_at} />
          <span>{t(`tie.${alarm.reason}`)}</span>
          {!alarm.active && <span>{t('causes.over')}</span>}
        </Group>
      </div>
    </li>
  )
}

interface SplitProps {
  ticket: Ticket
  alarmIds: string[]
  onClose: () => void
}

function Split({ ticket, alarmIds, onClose }: SplitProps) {
  const { t } = useTranslation('tickets')
  const notify = useNotify()
  const navigate = useNavigate()
  const { mutate, isPending } = useSplitTicket()
  // One key an attempt: what is sent twice by mistake is done once.
  const [key] = useState(newKey)
  const split = () =>
    mutate(
      { ticketId: ticket.id, body: { alarm_ids: alarmIds }, key },
      {
        onSuccess: (opened) => {
          notify.done(t('split.done', { number: opened.number }))
          onClose()
          void navigate(`/tickets/${opened.id}`)
        },
        onError: (error) => {
          notify.failed(error)
          onClose()
        },
      },
    )
  return (
    <ConfirmDialog
      opened
      onClose={onClose}
      title={t('split.title')}
      confirm={t('split.button')}
      busy={isPending}
      onConfirm={split}
    >
      {t('split.what', { count: alarmIds.length })}
    </ConfirmDialog>
  )
}
