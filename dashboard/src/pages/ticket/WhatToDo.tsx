import { Alert, Anchor, Button, Stack, Text } from '@mantine/core'
import {
  IconAlertTriangle,
  IconCircleCheck,
  IconHourglass,
  IconInfoCircle,
} from '@tabler/icons-react'
import { useTranslation } from 'react-i18next'
import { Link } from 'react-router'
import { useMachine } from '../../api/machines'
import { useMay } from '../../api/people'
import type { CatalogueEntry, Command, Ticket } from '../../api/types'
import { useAlarmWords } from '../../components/alarms/words'
import { useFormat } from '../../format/use'
import { descriptionOf } from './guide'
import type { TicketGuide } from './useGuide'

const COMMAND_CLASSES = ['read', 'configure', 'motion', 'software'] as const

interface WhatToDoProps {
  ticket: Ticket
  guide: TicketGuide
  /** Opens the choice of commands. */
  onCommand: () => void
}

/** Says what is wrong now and leads to what helps. */
export function WhatToDo({ ticket, guide, onCommand }: WhatToDoProps) {
  const { t } = useTranslation('tickets')
  const { alarm, underWay, wentWrong } = guide
  if (guide.isPending) return null
  const tone = alarm ? 'petrol' : ticket.active_alarms === 0 && ticket.alarms > 0 ? 'green' : 'gray'
  const icon = alarm ? (
    <IconAlertTriangle />
  ) : tone === 'green' ? (
    <IconCircleCheck />
  ) : (
    <IconInfoCircle />
  )
  return (
    <Alert
      component="section"
      variant="outline"
      color={tone}
      icon={icon}
      role="region"
      aria-label={t('todo.title')}
      title={t('todo.title')}
      data-testid="what-to-do"
      data-state={alarm ? 'active' : 'quiet'}
    >
      <Stack gap="sm" align="flex-start" aria-live="polite">
        {underWay && <UnderWay command={underWay} />}
        {!underWay && wentWrong && alarm && <WentWrong command={wentWrong} />}
        {alarm ? (
          <Remedy ticket={ticket} guide={guide} onCommand={onCommand} />
        ) : (
          <Quiet ticket={ticket} onCommand={onCommand} />
        )}
      </Stack>
    </Alert>
  )
}

function Remedy({ ticket, guide, onCommand }: WhatToDoProps) {
  const { t } = useTranslation('tickets')
  const words = useAlarmWords()
  const { language } = useFormat()
  const { alarm, remedies, underWay } = guide
  const [remedy] = remedies
  if (!alarm) return null
  const place = [alarm.source, alarm.origin === 'fault' ? alarm.code : ''].filter(Boolean).join(' ')
  return (
    <>
      <Text>
        <strong>{words(alarm)}</strong>
        {place && ` (${place})`}
      </Text>
      {alarm.origin === 'contact' && <Text size="sm">{t('todo.contact')}</Text>}
      {remedies.map((entry) => (
        <Text size="sm" key={entry.name}>
          {t('todo.remedy', { command: entry.name, what: descriptionOf(entry, language) })}
          {entry.needs_consent && ` ${t('todo.needsConsent')}`}
        </Text>
      ))}
      {!remedy && alarm.origin !== 'contact' && <Text size="sm">{t('todo.noRemedy')}</Text>}
      <CommandButton
        ticket={ticket}
        remedy={remedy}
        again={!!underWay || alarm.origin === 'contact'}
        onCommand={onCommand}
      />
    </>
  )
}

function Quiet({ ticket, onCommand }: Omit<WhatToDoProps, 'guide'>) {
  const { t } = useTranslation('tickets')
  const { t: common } = useTranslation()
  const over = ticket.next_states.every((next) => next === 'in_progress' || next === 'closed')
  const state = common(`ticketState.${ticket.state}`)
  return (
    <>
      <Text>{ticket.alarms > 0 ? t('todo.cleared') : t('todo.byHand')}</Text>
      <Text size="sm">{over ? t('todo.over', { state }) : t('todo.finish')}</Text>
      {!over && <CommandButton ticket={ticket} again onCommand={onCommand} />}
    </>
  )
}

interface CommandButtonProps {
  ticket: Ticket
  remedy?: CatalogueEntry
  /** Not the first thing to do. */
  again: boolean
  onCommand: () => void
}

function CommandButton({ ticket, remedy, again, onCommand }: CommandButtonProps) {
  const { t } = useTranslation('tickets')
  const { data: machine } = useMachine(ticket.machine_id)
  const may = useMay()
  const wanted = remedy ? [remedy.class] : COMMAND_CLASSES
  const allowed = wanted.some((one) => may(`commands.issue.${one}`))
  return (
    <>
      <Button onClick={onCommand} disabled={!allowed} variant={again ? 'default' : 'filled'}>
        {remedy ? t('todo.send', { command: remedy.name }) : t('todo.sendAny')}
      </Button>
      {!allowed && <Text size="sm">{t('todo.mayNot')}</Text>}
      {allowed && machine && !machine.connection.connected && (
        <Text size="sm">{t('todo.offline')}</Text>
      )}
    </>
  )
}

function UnderWay({ command }: { command: Command }) {
  const { t } = useTranslation('tickets')
  const waits = {
    awaiting_consent: 'consent',
    awaiting_approval: 'approval',
    unconfirmed: 'unconfirmed',
  } as const
  const key = command.state in waits ? waits[command.state as keyof typeof waits] : 'running'
  return (
    <Text data-testid="under-way" data-state={command.state}>
      <IconHourglass size={16} aria-hidden /> {t(`todo.${key}`, { command: command.name })}{' '}
      {key === 'approval' && (
        <Anchor component={Link} underline="always" to={`/machines/${command.machine_id}/commands`}>
          {t('todo.toCommands')}
        </Anchor>
      )}
    </Text>
  )
}

function WentWrong({ command }: { command: Command }) {
  const { t } = useTranslation('tickets')
  const { t: common } = useTranslation()
  const state = common(`commandState.${command.state}`)
  const why = command.reason ? t(`rejection.${command.reason}`) : command.error
  return (
    <Text data-testid="went-wrong">
      {t('todo.wentWrong', { command: command.name, state })}
      {why && ` ${why}`}
    </Text>
  )
}
