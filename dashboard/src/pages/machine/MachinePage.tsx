import { Stack } from '@mantine/core'
import { useParams } from 'react-router'
import { useTranslation } from 'react-i18next'
import { useMachine } from '../../api/machines'
import type { Machine } from '../../api/types'
import { NotFoundPage } from '../../app/NotFoundPage'
import { CommandList } from '../../components/commands/CommandList'
import { Loaded } from '../../components/Loaded'
import { PageHead } from '../../components/PageHead'
import { TicketList } from '../../components/tickets/TicketList'
import { AlarmsTab } from './AlarmsTab'
import { DataTab } from './DataTab'
import { IdentityTab } from './IdentityTab'
import { LiveTab } from './live/LiveTab'
import { MachineHead } from './MachineHead'
import { MachineTabs } from './MachineTabs'
import { MaintenanceBanner } from './MaintenanceBanner'
import { RulesTab } from './rules/RulesTab'
import { StorageTab } from './StorageTab'
import { isTab, type Tab } from './tabs'
import { TimelineTab } from './TimelineTab'

/** One machine: what it measures, what is wrong with it, what was done. */
export function MachinePage() {
  const { t } = useTranslation('machine')
  const { id = '', tab = 'overview' } = useParams()
  const machine = useMachine(id)
  if (!isTab(tab)) return <NotFoundPage />
  return (
    <>
      {!machine.data && <PageHead title={t('title')} />}
      <Loaded query={machine} height={240}>
        {(data) => (
          <Stack gap="md" key={data.id}>
            <MachineHead machine={data} />
            <MaintenanceBanner machine={data} />
            <MachineTabs machine={data} tab={tab} />
            <section aria-label={t(`tab.${tab}`)}>
              <TabContent machine={data} tab={tab} />
            </section>
          </Stack>
        )}
      </Loaded>
    </>
  )
}

function TabContent({ machine, tab }: { machine: Machine; tab: Tab }) {
  switch (tab) {
    case 'overview':
      return <LiveTab machine={machine} />
    case 'alarms':
      return <AlarmsTab machineId={machine.id} />
    case 'tickets':
      return <TicketList filter={{ machine_id: machine.id }} />
    case 'commands':
      return <CommandList filter={{ machine_id: machine.id }} />
    case 'timeline':
      return <TimelineTab machineId={machine.id} />
    case 'rules':
      return <RulesTab machine={machine} />
    case 'identity':
      return <IdentityTab machine={machine} />
    case 'data':
      return <DataTab machineId={machine.id} />
    case 'storage':
      return <StorageTab machine={machine} />
  }
}
