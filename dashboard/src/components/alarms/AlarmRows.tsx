import { Button, Collapse } from '@mantine/core'
import { useDisclosure } from '@mantine/hooks'
import { useId } from 'react'
import { useTranslation } from 'react-i18next'
import type { Alarm } from '../../api/types'
import { MachineLink } from '../MachineLink'
import { TimeAgo } from '../TimeAgo'
import { SeverityBadge } from '../badges'
import { AlarmActions } from './AlarmActions'
import { AlarmDetails } from './AlarmDetails'
import { AlarmSubject } from './AlarmSubject'
import { useAlarmWords } from './words'
import classes from './alarms.module.css'

interface AlarmRowsProps {
  alarms: Alarm[]
  showMachine: boolean
  /** False on a ticket's own page. */
  showTicket?: boolean
}

export function AlarmRows({ alarms, showMachine, showTicket = true }: AlarmRowsProps) {
  const { t } = useTranslation('alarms')
  return (
    <ul className={classes.list} aria-label={t('list')}>
      {alarms.map((alarm) => (
        <AlarmRow key={alarm.id} {...{ alarm, showMachine, showTicket }} />
      ))}
    </ul>
  )
}

interface AlarmRowProps {
  alarm: Alarm
  showMachine: boolean
  showTicket: boolean
}

function AlarmRow({ alarm, showMachine, showTicket }: AlarmRowProps) {
  const { t } = useTranslation('alarms')
  const words = useAlarmWords()
  const [opened, details] = useDisclosure(false)
  const id = useId()
  return (
    <li className={classes.row} data-state={alarm.active ? 'active' : 'cleared'}>
      <div className={classes.cells} data-machine={showMachine || undefined}>
        <span className={classes.severity}>
          <SeverityBadge severity={alarm.severity} />
        </span>
        <AlarmSubject alarm={alarm} showTicket={showTicket} />
        {showMachine && (
          <span className={classes.machine}>
            <MachineLink id={alarm.machine_id} name={alarm.machine_name} />
          </span>
        )}
        <span className={classes.when}>
          <TimeAgo at={alarm.raised_at} />
        </span>
        <div className={classes.actions}>
          <AlarmActions alarm={alarm} />
          <Button
            variant="subtle"
            size="compact-sm"
            onClick={details.toggle}
            aria-expanded={opened}
            aria-controls={id}
            aria-label={`${t('details.title')}: ${words(alarm)}`}
          >
            {t('details.title')}
          </Button>
        </div>
      </div>
      <Collapse id={id} expanded={opened} keepMounted={false}>
        <AlarmDetails alarm={alarm} />
      </Collapse>
    </li>
  )
}
