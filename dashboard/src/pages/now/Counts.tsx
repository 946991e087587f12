import { Anchor, Group, Paper, SimpleGrid, Skeleton, Text } from '@mantine/core'
import type { ReactNode } from 'react'
import { useTranslation } from 'react-i18next'
import { Link } from 'react-router'
import type { List } from '../../api/pages'
import { PriorityBadge, SeverityBadge } from '../../components/badges'
import { useFormat } from '../../format/use'
import { bySeverity, WAITING } from './order'
import type { Situation } from './useSituation'

const PRIORITIES = ['P1', 'P2', 'P3', 'P4'] as const

/** How much of what is open, each with the way to all of it. */
export function Counts({ situation }: { situation: Situation }) {
  const { t } = useTranslation('now')
  const { alarms, tickets, commands, machines } = situation
  const inUse = machines?.items.filter((machine) => machine.state === 'commissioned') ?? []
  const offline = inUse.filter((machine) => !machine.connection.connected)
  return (
    <SimpleGrid cols={{ base: 2, lg: 4 }} spacing={{ base: 'xs', sm: 'md' }}>
      {alarms && (
        <Count list={alarms} title={t('count.alarms')} to="/alarms" count={alarms.items.length}>
          {bySeverity(alarms.items).map(([severity, count]) => (
            <Part key={severity} count={count}>
              <SeverityBadge severity={severity} />
            </Part>
          ))}
        </Count>
      )}
      {tickets && (
        <Count list={tickets} title={t('count.tickets')} to="/tickets" count={tickets.items.length}>
          {PRIORITIES.map((priority) => (
            <Part
              key={priority}
              count={tickets.items.filter((ticket) => ticket.priority === priority).length}
            >
              <PriorityBadge priority={priority} />
            </Part>
          ))}
        </Count>
      )}
      {machines && (
        <Count list={machines} title={t('count.offline')} to="/fleet" count={offline.length}>
          <Text size="sm" c="dimmed">
            {t('count.inUse', { count: inUse.length })}
          </Text>
        </Count>
      )}
      {commands && (
        <Count
          list={commands}
          title={t('count.commands')}
          to="#commands"
          count={commands.items.length}
        >
          {WAITING.map((state) => (
            <Part
              key={state}
              count={commands.items.filter((command) => command.state === state).length}
            >
              <Text size="sm">{t(`waiting.${state}`)}</Text>
            </Part>
          ))}
        </Count>
      )}
    </SimpleGrid>
  )
}

interface CountProps {
  list: List<unknown>
  title: string
  to: string
  count: number
  children: ReactNode
}

function Count({ list, title, to, count, children }: CountProps) {
  const { t } = useTranslation('now')
  const format = useFormat()
  const number = format.number(count)
  const failed = list.error && list.items.length === 0
  return (
    <Paper withBorder p="md" role="group" aria-label={title}>
      {to.startsWith('#') ? (
        <Anchor href={to} size="sm">
          {title}
        </Anchor>
      ) : (
        <Anchor component={Link} to={to} size="sm">
          {title}
        </Anchor>
      )}
      {list.isPending ? (
        <Skeleton height={36} my={4} w={60} />
      ) : (
        <Text fz={28} fw={700} lh={1.3} data-testid="count">
          {failed ? '–' : list.hasMore ? t('count.atLeast', { number }) : number}
        </Text>
      )}
      <Group gap="4px 12px">{children}</Group>
    </Paper>
  )
}

function Part({ count, children }: { count: number; children: ReactNode }) {
  const format = useFormat()
  if (count === 0) return null
  return (
    <Group gap={4} wrap="nowrap">
      <Text size="sm" fw={600}>
        {format.number(count)}
      </Text>
      {children}
    </Group>
  )
}
