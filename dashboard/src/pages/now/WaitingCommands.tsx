import { Anchor, Group, Text } from '@mantine/core'
import { useTranslation } from 'react-i18next'
import { Link } from 'react-router'
import type { List } from '../../api/pages'
import type { Command } from '../../api/types'
import { Actor } from '../../components/Actor'
import { MachineLink } from '../../components/MachineLink'
import { TimeAgo } from '../../components/TimeAgo'
import { CommandStateBadge } from '../../components/badges'
import { byWaiting } from './order'
import { TopList } from './TopList'
import classes from './now.module.css'

/** Commands that aren't over, those first that wait for somebody. */
export function WaitingCommands({ list }: { list: List<Command> }) {
  const { t } = useTranslation('now')
  return (
    <div id="commands">
      <TopList list={list} title={t('commands.title')} empty={t('commands.none')} order={byWaiting}>
        {(commands) => (
          <ul className={classes.list} aria-label={t('commands.title')}>
            {commands.map((command) => (
              <Row key={command.id} command={command} />
            ))}
          </ul>
        )}
      </TopList>
    </div>
  )
}

function Row({ command }: { command: Command }) {
  const { t } = useTranslation('now')
  const to = command.ticket_id
    ? `/tickets/${command.ticket_id}`
    : `/machines/${command.machine_id}/commands`
  return (
    <li className={classes.row}>
      <Group gap="4px 12px">
        <CommandStateBadge state={command.state} />
        <Anchor component={Link} to={to} fw={550}>
          {command.name}
        </Anchor>
        <MachineLink id={command.machine_id} name={command.machine_name} />
        <Text component="span" size="sm" c="dimmed">
          {t('commands.issued')} <Actor actor={command.issued_by} />,{' '}
          <TimeAgo at={command.created_at} />
        </Text>
      </Group>
    </li>
  )
}
