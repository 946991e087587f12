import { Grid, Stack } from '@mantine/core'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { useParams } from 'react-router'
import { useTicket } from '../../api/tickets'
import type { Ticket } from '../../api/types'
import { Loaded } from '../../components/Loaded'
import { PageHead } from '../../components/PageHead'
import { Section } from '../../components/Section'
import { AlarmList } from '../../components/alarms/AlarmList'
import { CommandDialog } from '../../components/commands/CommandDialog'
import { CommandList } from '../../components/commands/CommandList'
import { useMay } from '../../api/people'
import { Causes } from './Causes'
import { EvidencePanel } from './EvidencePanel'
import { TicketFacts } from './TicketFacts'
import { TicketHead } from './TicketHead'
import { Timeline } from './Timeline'
import { WhatToDo } from './WhatToDo'
import { useGuide } from './useGuide'

export function TicketPage() {
  const { id = '' } = useParams()
  const { t } = useTranslation('tickets')
  const query = useTicket(id)
  return (
    <>
      {query.data === undefined && <PageHead title={t('ticket')} />}
      <Loaded query={query} height={320}>
        {(ticket) => <TicketView key={ticket.id} ticket={ticket} />}
      </Loaded>
    </>
  )
}

function TicketView({ ticket }: { ticket: Ticket }) {
  const { t } = useTranslation('tickets')
  const may = useMay()
  const guide = useGuide(ticket)
  const [commanding, setCommanding] = useState(false)
  return (
    <>
      <TicketHead ticket={ticket} />
      <Grid gap="lg">
        <Grid.Col span={{ base: 12, lg: 8 }}>
          <Stack gap="lg">
            <WhatToDo ticket={ticket} guide={guide} onCommand={() => setCommanding(true)} />
            <Causes ticket={ticket} />
            <EvidencePanel ticket={ticket} alarms={guide.alarms} />
            {may('alarms.read') && (
              <Section title={t('section.alarms')}>
                <AlarmList
                  filter={{ ticket_id: ticket.id }}
                  showMachine={ticket.alarm_list?.some(
                    (alarm) => alarm.machine_id !== ticket.machine_id,
                  )}
                />
              </Section>
            )}
            {may('commands.read') && (
              <Section title={t('section.commands')}>
                <CommandList filter={{ ticket_id: ticket.id }} />
              </Section>
            )}
          </Stack>
        </Grid.Col>
        <Grid.Col span={{ base: 12, lg: 4 }}>
          <Stack gap="lg">
            <TicketFacts ticket={ticket} />
            <Timeline ticket={ticket} />
          </Stack>
        </Grid.Col>
      </Grid>
      <CommandDialog
        machineId={ticket.machine_id}
        ticketId={ticket.id}
        faultCodes={guide.faultCodes}
        opened={commanding}
        onClose={() => setCommanding(false)}
      />
    </>
  )
}
