import { Button, Group, NativeSelect, Switch } from '@mantine/core'
import { IconPlus } from '@tabler/icons-react'
import { useTranslation } from 'react-i18next'
import { useSearchParams } from 'react-router'
import { useMay, useMe } from '../../api/people'
import { type TicketFilter, useTickets } from '../../api/tickets'
import { ListFrame } from '../../components/ListFrame'
import { PageHead } from '../../components/PageHead'
import { TicketRows } from '../../components/tickets/TicketRows'
import { NewTicketDialog } from './NewTicketDialog'

const STATES = ['new', 'in_progress', 'on_hold', 'resolved', 'closed', 'canceled'] as const
const PRIORITIES = ['P1', 'P2', 'P3', 'P4'] as const

/** All tickets; what is chosen stands in the address, so that a link shows the same. */
export function TicketsPage() {
  const { t } = useTranslation('tickets')
  const { t: common } = useTranslation()
  const may = useMay()
  const { data: me } = useMe()
  const { state, priority, mine, isNew, choose } = useChoices()
  const filter: TicketFilter = {
    state: state === 'all' ? undefined : state,
    priority,
    assignee_id: mine ? me?.id : undefined,
  }
  const list = useTickets(filter)
  const narrowed = priority !== undefined || mine
  return (
    <>
      <PageHead
        title={t('title')}
        actions={
          may('tickets.write') && (
            <Button leftSection={<IconPlus size={16} />} onClick={() => choose('new', '1')}>
              {t('new.button')}
            </Button>
          )
        }
      />
      <Group mb="md" align="flex-end">
        <NativeSelect
          label={t('filter.state')}
          value={state}
          onChange={(event) => choose('state', event.currentTarget.value, 'open')}
          data={[
            { value: 'open', label: t('filter.open') },
            { value: 'all', label: common('list.all') },
            ...STATES.map((value) => ({ value, label: common(`ticketState.${value}`) })),
          ]}
        />
        <NativeSelect
          label={t('priority')}
          value={priority ?? ''}
          onChange={(event) => choose('priority', event.currentTarget.value)}
          data={[{ value: '', label: common('list.all') }, ...PRIORITIES]}
        />
        <Switch
          mb={8}
          label={t('filter.mine')}
          checked={mine}
          onChange={(event) => choose('mine', event.currentTarget.checked ? '1' : '')}
        />
      </Group>
      <ListFrame
        list={list}
        empty={narrowed ? t('noneFiltered') : state === 'open' ? t('noneOpen') : t('none')}
      >
        {(tickets) => <TicketRows tickets={tickets} showMachine />}
      </ListFrame>
      <NewTicketDialog opened={isNew} onClose={() => choose('new', '')} />
    </>
  )
}

function useChoices() {
  const [params, setParams] = useSearchParams()
  const asked = params.get('state')
  return {
    state:
      asked === 'all'
        ? ('all' as const)
        : (STATES.find((known) => known === asked) ?? ('open' as const)),
    priority: PRIORITIES.find((known) => known === params.get('priority')),
    mine: params.get('mine') === '1',
    isNew: params.get('new') === '1',
    /** What is as usual doesn't stand in the address. */
    choose: (name: string, value: string, usual = '') =>
      setParams(
        (before) => {
          if (value === usual) before.delete(name)
          else before.set(name, value)
          return before
        },
        { replace: true },
      ),
  }
}
