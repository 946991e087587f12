import { Group, NativeSelect, SegmentedControl } from '@mantine/core'
import { useTranslation } from 'react-i18next'
import { useSearchParams } from 'react-router'
import { type AlarmFilter, useAlarms } from '../../api/alarms'
import { PageHead } from '../../components/PageHead'
import { ListFrame } from '../../components/ListFrame'
import { AlarmRows } from '../../components/alarms/AlarmRows'
import { SEVERITIES } from '../../components/alarms/words'
import { AcknowledgeAll } from './AcknowledgeAll'

const STATES = ['open', 'cleared', 'all'] as const
const SEVERITY_ANY = ''

/** All alarms; what is chosen stands in the address, so that a link shows the same. */
export function AlarmsPage() {
  const { t } = useTranslation('alarms')
  const { t: common } = useTranslation()
  const [params, setParams] = useSearchParams()
  const state = STATES.find((known) => known === params.get('state')) ?? 'open'
  const severity = SEVERITIES.find((known) => known === params.get('severity'))
  const filter: AlarmFilter = { state: state === 'all' ? undefined : state, severity }
  const list = useAlarms(filter)
  const choose = (name: string, value: string, usual: string) =>
    setParams(
      (before) => {
        if (value === usual) before.delete(name)
        else before.set(name, value)
        return before
      },
      { replace: true },
    )
  return (
    <>
      <PageHead title={t('title')} actions={<AcknowledgeAll alarms={list.items} />} />
      <Group mb="md" align="flex-end">
        <SegmentedControl
          aria-label={t('filter.state')}
          value={state}
          onChange={(value) => choose('state', value, 'open')}
          data={STATES.map((value) => ({ value, label: t(`filter.${value}`) }))}
        />
        <NativeSelect
          label={t('filter.severity')}
          value={severity ?? SEVERITY_ANY}
          onChange={(event) => choose('severity', event.currentTarget.value, SEVERITY_ANY)}
          data={[
            { value: SEVERITY_ANY, label: t('filter.anySeverity') },
            ...SEVERITIES.map((value) => ({ value, label: common(`severity.${value}`) })),
          ]}
        />
      </Group>
      <ListFrame
        list={list}
        empty={severity ? t('noneFiltered') : state === 'open' ? t('noneOpen') : t('none')}
      >
        {(alarms) => <AlarmRows alarms={alarms} showMachine />}
      </ListFrame>
    </>
  )
}
