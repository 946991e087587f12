import { Alert, Code, Stack, Text } from '@mantine/core'
import { useTranslation } from 'react-i18next'
import { useCatalogue } from '../../api/commands'
import type { Command } from '../../api/types'
import { CommandActions } from './CommandActions'
import { CommandFacts } from './CommandFacts'
import { CommandOutput } from './CommandOutput'
import { CommandSteps } from './CommandSteps'

/** Everything about a command, kept current, with what can still be done about it. */
export function CommandDetails({ command }: { command: Command }) {
  const { data: catalogue } = useCatalogue(command.machine_id)
  const entry = catalogue?.commands.find(({ name }) => name === command.name)
  return (
    <Stack gap="sm">
      <CommandSteps command={command} asksOperator={entry?.needs_consent ?? false} />
      <Waiting command={command} />
      <Outcome command={command} />
      <CommandOutput command={command} />
      <CommandFacts command={command} />
      <CommandActions command={command} />
    </Stack>
  )
}

/** What it waits for, when somebody has to do something. */
function Waiting({ command }: { command: Command }) {
  const { t } = useTranslation('machine')
  const states = ['awaiting_consent', 'awaiting_approval', 'unconfirmed'] as const
  const state = states.find((each) => each === command.state)
  return (
    <div aria-live="polite">
      {state && (
        <Alert color="yellow" variant="outline">
          {t(`command.waiting.${state}`)}
        </Alert>
      )}
      {command.cancel_requested && <Text size="sm">{t('command.cancelRequested')}</Text>}
    </div>
  )
}

/** Why it was refused or failed, and what it gave. */
function Outcome({ command }: { command: Command }) {
  const { t } = useTranslation('machine')
  const { reason, error, state } = command
  const bad = reason || error || state === 'interrupted' || state === 'expired'
  return (
    <>
      {bad && (
        <Alert color="red" variant="outline" role="status">
          {reason && <Text size="sm">{t(`command.rejection.${reason}`)}</Text>}
          {state === 'interrupted' && <Text size="sm">{t('command.interrupted')}</Text>}
          {state === 'expired' && !reason && <Text size="sm">{t('command.expired')}</Text>}
          {error && <Text size="sm">{error}</Text>}
        </Alert>
      )}
      {hasContent(command.result) && (
        <div>
          <Text size="sm" fw={600}>
            {t('command.result')}
          </Text>
          <Code block>{JSON.stringify(command.result, null, 2)}</Code>
        </div>
      )}
    </>
  )
}

function hasContent(result: unknown): boolean {
  if (result === null || result === undefined) return false
  return typeof result !== 'object' || Object.keys(result).length > 0
}
