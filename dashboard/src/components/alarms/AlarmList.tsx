import { useTranslation } from 'react-i18next'
import { type AlarmFilter, useAlarms } from '../../api/alarms'
import { ListFrame } from '../ListFrame'
import { AlarmRows } from './AlarmRows'

/** Alarms with what a person may do with them. */
export function AlarmList({
  filter,
  showMachine = false,
  limit,
}: {
  filter: AlarmFilter
  showMachine?: boolean
  limit?: number
}) {
  const { t } = useTranslation('alarms')
  const list = useAlarms(filter, { limit })
  return (
    <ListFrame list={list} empty={filter.state === 'open' ? t('noneOpen') : t('none')}>
      {(alarms) => (
        <AlarmRows
          alarms={alarms}
          showMachine={showMachine}
          showTicket={filter.ticket_id === undefined}
        />
      )}
    </ListFrame>
  )
}
