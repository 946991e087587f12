import { useTranslation } from 'react-i18next'
import type { List } from '../../api/pages'
import type { Alarm } from '../../api/types'
import { AlarmRows } from '../../components/alarms/AlarmRows'
import { byUrgency } from '../../components/alarms/words'
import { TopList } from './TopList'

/** Open alarms, those first that nobody has acknowledged. */
export function OpenAlarms({ list }: { list: List<Alarm> }) {
  const { t } = useTranslation('now')
  return (
    <TopList
      list={list}
      title={t('alarms.title')}
      empty={t('alarms.none')}
      all={{ to: '/alarms', text: t('alarms.all') }}
      order={byUrgency}
    >
      {(alarms) => <AlarmRows alarms={alarms} showMachine />}
    </TopList>
  )
}
