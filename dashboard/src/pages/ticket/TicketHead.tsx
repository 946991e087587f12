import { Button, Group, Text } from '@mantine/core'
import { IconPencil } from '@tabler/icons-react'
import { useDisclosure } from '@mantine/hooks'
import { useTranslation } from 'react-i18next'
import { useMay } from '../../api/people'
import type { Ticket } from '../../api/types'
import { MachineLink } from '../../components/MachineLink'
import { PageHead } from '../../components/PageHead'
import { TimeAgo } from '../../components/TimeAgo'
import { PriorityBadge, TicketStateBadge } from '../../components/badges'
import { EditDialog } from './EditDialog'
import { Moves } from './Moves'

/** Number, title, where it is, and what may be done with it. */
export function TicketHead({ ticket }: { ticket: Ticket }) {
  const { t } = useTranslation('tickets')
  const { t: common } = useTranslation()
  const may = useMay()
  const [editing, edit] = useDisclosure(false)
  return (
    <>
      <PageHead
        title={`${ticket.number} ${ticket.title}`}
        actions={
          may('tickets.write') && (
            <>
              <Moves ticket={ticket} />
              <Button variant="default" leftSection={<IconPencil size={16} />} onClick={edit.open}>
                {common('action.edit')}
              </Button>
            </>
          )
        }
      />
      <Group gap="6px 16px" mb="lg" fz="sm">
        <Group gap={6}>
          <TicketStateBadge state={ticket.state} />
          <PriorityBadge priority={ticket.priority} />
        </Group>
        {ticket.hold_reason && <span>{t(`holdReason.${ticket.hold_reason}`)}</span>}
        <MachineLink id={ticket.machine_id} name={ticket.machine_name} />
        <Text component="span" size="sm" c="dimmed">
          {t('openedWhen')} <TimeAgo at={ticket.created_at} />
        </Text>
        {ticket.reopened > 0 && <span>{t('reopened', { count: ticket.reopened })}</span>}
      </Group>
      <EditDialog ticket={ticket} opened={editing} onClose={edit.close} />
    </>
  )
}
