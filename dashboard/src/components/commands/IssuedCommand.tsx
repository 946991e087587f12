import { Button, Group, Stack, Text } from '@mantine/core'
import { useTranslation } from 'react-i18next'
import { isFinal, useCommand } from '../../api/commands'
import { CommandStateBadge } from '../badges'
import { Loaded } from '../Loaded'
import { CommandDetails } from './CommandDetails'

interface IssuedCommandProps {
  id: string
  onClose: () => void
  onAgain: () => void
}

/** A command that was just sent, to its end. */
export function IssuedCommand({ id, onClose, onAgain }: IssuedCommandProps) {
  const { t } = useTranslation()
  const { t: own } = useTranslation('machine')
  const query = useCommand(id)
  return (
    <Loaded query={query} height={200}>
      {(command) => (
        <Stack gap="sm">
          <Group gap="xs" role="status">
            <Text fw={600} ff="monospace">
              {command.name}
            </Text>
            <CommandStateBadge state={command.state} />
          </Group>
          <CommandDetails command={command} />
          <Group justify="flex-end">
            {isFinal(command.state) && (
              <Button variant="default" onClick={onAgain}>
                {own('command.another')}
              </Button>
            )}
            <Button variant="default" onClick={onClose}>
              {t('action.close')}
            </Button>
          </Group>
        </Stack>
      )}
    </Loaded>
  )
}
