import { Anchor, Button, Group, Stack, Text, UnstyledButton } from '@mantine/core'
import { IconChevronDown, IconChevronRight } from '@tabler/icons-react'
import { useId, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { Link } from 'react-router'
import { type CommandFilter, useCommand, useCommands } from '../../api/commands'
import type { Command } from '../../api/types'
import { Actor } from '../Actor'
import { CommandStateBadge } from '../badges'
import { Empty, Failed, Loaded } from '../Loaded'
import { TimeAgo } from '../TimeAgo'
import { CommandDetails } from './CommandDetails'
import classes from './commands.module.css'
import { Said } from '../Said'

interface CommandListProps {
  filter: CommandFilter
  showMachine?: boolean
}

/** Commands with state, live output, cancel and decision; newest first. */
export function CommandList({ filter, showMachine }: CommandListProps) {
  const { t } = useTranslation()
  const { t: own } = useTranslation('machine')
  const list = useCommands(filter)
  if (list.isPending) {
    return <Loaded query={{ ...list, data: undefined }}>{() => null}</Loaded>
  }
  if (list.error && list.items.length === 0) {
    return <Failed error={list.error} onRetry={list.refetch} />
  }
  if (list.items.length === 0) return <Empty>{own('command.none')}</Empty>
  return (
    <Stack gap="xs">
      <ul className={classes.list}>
        {list.items.map((command) => (
          <Row key={command.id} command={command} showMachine={showMachine} />
        ))}
      </ul>
      {list.hasMore && (
        <Group>
          <Button variant="default" loading={list.isLoadingMore} onClick={list.loadMore}>
            {t('list.more')}
          </Button>
        </Group>
      )}
    </Stack>
  )
}

function Row({ command, showMachine }: { command: Command; showMachine?: boolean }) {
  const { t } = useTranslation('machine')
  const [opened, setOpened] = useState(command.state === 'awaiting_approval')
  const id = useId()
  const Icon = opened ? IconChevronDown : IconChevronRight
  return (
    <li className={classes.row}>
      <Group gap="xs" justify="space-between">
        <UnstyledButton
          className={classes.toggle}
          onClick={() => setOpened(!opened)}
          aria-expanded={opened}
          aria-controls={id}
        >
          <Icon size={16} aria-hidden="true" />
          <Text span fw={600} ff="monospace" size="sm">
            {command.name}
          </Text>
        </UnstyledButton>
        <CommandStateBadge state={command.state} />
      </Group>
      <Text size="sm" c="dimmed">
        <TimeAgo at={command.created_at} /> · <Actor actor={command.issued_by} />
        {command.purpose && (
          <>
            {' · '}
            <Said>{command.purpose}</Said>
          </>
        )}
        {showMachine && (
          <>
            {' · '}
            <Anchor
              component={Link}
              to={`/machines/${command.machine_id}/commands`}
              size="sm"
              underline="always"
            >
              <Said>{command.machine_name ?? t('command.toMachine')}</Said>
            </Anchor>
          </>
        )}
        {command.ticket_id && (
          <>
            {' · '}
            <Anchor
              component={Link}
              to={`/tickets/${command.ticket_id}`}
              size="sm"
              underline="always"
            >
              {command.ticket_number ?? t('command.toTicket')}
            </Anchor>
          </>
        )}
      </Text>
      <div id={id}>{opened && <Opened command={command} />}</div>
    </li>
  )
}

/** The list's rows hold no output; the command itself does. */
function Opened({ command }: { command: Command }) {
  const { data } = useCommand(command.id)
  return (
    <div className={classes.opened}>
      <CommandDetails command={data ?? command} />
    </div>
  )
}
