import { Button, Menu } from '@mantine/core'
import {
  IconChevronDown,
  IconPencil,
  IconPlayerPlay,
  IconPower,
  IconSchool,
  IconTicket,
  IconTool,
} from '@tabler/icons-react'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { useAlarms } from '../../api/alarms'
import { useMay } from '../../api/people'
import type { Machine } from '../../api/types'
import { CommandDialog } from '../../components/commands/CommandDialog'
import { DecommissionDialog } from './dialogs/DecommissionDialog'
import { MaintenanceDialog } from './dialogs/MaintenanceDialog'
import { NewTicketDialog } from './dialogs/NewTicketDialog'
import { RelearnDialog } from './dialogs/RelearnDialog'
import { RenameDialog } from './dialogs/RenameDialog'

type Dialog = 'command' | 'maintenance' | 'ticket' | 'relearn' | 'rename' | 'decommission'

const ISSUE = ['read', 'configure', 'motion', 'software'].map((name) => `commands.issue.${name}`)

/** What a person can do with the machine; only what they may. */
export function MachineActions({ machine }: { machine: Machine }) {
  const { t } = useTranslation('machine')
  const may = useMay()
  const [dialog, setDialog] = useState<Dialog>()
  const inUse = machine.state !== 'decommissioned'
  const mayMaintain = inUse && may('machines.maintain')
  const mayWrite = inUse && may('machines.write')
  const mayRelearn = inUse && may('rules.write')
  return (
    <>
      {inUse && ISSUE.some(may) && (
        <Button leftSection={<IconPlayerPlay size={16} />} onClick={() => setDialog('command')}>
          {t('action.command')}
        </Button>
      )}
      {inUse && may('tickets.write') && (
        <Button
          variant="default"
          leftSection={<IconTicket size={16} />}
          onClick={() => setDialog('ticket')}
        >
          {t('action.ticket')}
        </Button>
      )}
      {(mayMaintain || mayWrite || mayRelearn) && (
        <MoreMenu {...{ mayMaintain, mayWrite, mayRelearn }} onChoose={setDialog} />
      )}
      <Dialogs machine={machine} dialog={dialog} onClose={() => setDialog(undefined)} />
    </>
  )
}

function MoreMenu({
  mayMaintain,
  mayWrite,
  mayRelearn,
  onChoose,
}: {
  mayMaintain: boolean
  mayWrite: boolean
  mayRelearn: boolean
  onChoose: (dialog: Dialog) => void
}) {
  const { t } = useTranslation('machine')
  return (
    <Menu position="bottom-end">
      <Menu.Target>
        <Button variant="default" rightSection={<IconChevronDown size={16} />}>
          {t('action.more')}
        </Button>
      </Menu.Target>
      <Menu.Dropdown>
        {mayMaintain && (
          <Menu.Item leftSection={<IconTool size={16} />} onClick={() => onChoose('maintenance')}>
            {t('action.maintenance')}
          </Menu.Item>
        )}
        {mayRelearn && (
          <Menu.Item leftSection={<IconSchool size={16} />} onClick={() => onChoose('relearn')}>
            {t('action.relearn')}
          </Menu.Item>
        )}
        {mayWrite && (
          <>
            <Menu.Item leftSection={<IconPencil size={16} />} onClick={() => onChoose('rename')}>
              {t('action.rename')}
            </Menu.Item>
            <Menu.Item
              leftSection={<IconPower size={16} />}
              onClick={() => onChoose('decommission')}
            >
              {t('action.decommission')}
            </Menu.Item>
          </>
        )}
      </Menu.Dropdown>
    </Menu>
  )
}

function Dialogs({
  machine,
  dialog,
  onClose,
}: {
  machine: Machine
  dialog: Dialog | undefined
  onClose: () => void
}) {
  const { items } = useAlarms({ machine_id: machine.id, state: 'open' })
  const props = { machine, onClose }
  return (
    <>
      <CommandDialog
        machineId={machine.id}
        faultCodes={items.map(({ code }) => code)}
        opened={dialog === 'command'}
        onClose={onClose}
      />
      <MaintenanceDialog {...props} opened={dialog === 'maintenance'} />
      <NewTicketDialog {...props} opened={dialog === 'ticket'} />
      <RelearnDialog {...props} opened={dialog === 'relearn'} />
      <RenameDialog {...props} opened={dialog === 'rename'} />
      <DecommissionDialog {...props} opened={dialog === 'decommission'} />
    </>
  )
}
