import { Alert, Button, Group, Stack, Text } from '@mantine/core'
import { useTranslation } from 'react-i18next'
import type { useCreateEnrollmentCode } from '../../api/machines'
import type { Machine } from '../../api/types'
import { CopyBlock } from '../../components/CopyBlock'
import { millis } from '../../format/format'
import { useFormat, useNow } from '../../format/use'
import { enrollCommand, MINIMAL_CONFIG, RUN_COMMAND, RUN_WITH_CONFIG } from './commands'
import { Onward, Secret } from './Secret'

interface AgentStepProps {
  machine: Machine
  code: ReturnType<typeof useCreateEnrollmentCode>
  onBack: () => void
  onNext: () => void
}

/** The commands that enrol the machine and start its agent. */
export function AgentStep({ machine, code, onBack, onNext }: AgentStepProps) {
  const { t } = useTranslation('commissioning')
  return (
    <Stack>
      <Text>{t('agent.intro', { name: machine.name })}</Text>
      <Secret
        creation={code}
        machineId={machine.id}
        missing={t('agent.codeGone')}
        create={t('agent.newCode')}
      >
        {(created) => (
          <Stack>
            <CopyBlock
              label={t('agent.enroll')}
              text={enrollCommand(window.location.origin, created.code)}
            />
            <CodeEnd endsAt={created.expires_at} onNew={() => code.mutate(machine.id)} />
          </Stack>
        )}
      </Secret>
      <CopyBlock label={t('agent.run')} text={RUN_COMMAND} />
      <details>
        <summary>{t('agent.ownConfig')}</summary>
        <Stack mt="sm">
          <Text size="sm">{t('agent.ownConfigHint')}</Text>
          <CopyBlock label="agent.toml" text={MINIMAL_CONFIG} />
          <CopyBlock label={t('agent.runWithConfig')} text={RUN_WITH_CONFIG} />
        </Stack>
      </details>
      <Onward onBack={onBack} onNext={onNext} />
    </Stack>
  )
}

function CodeEnd({ endsAt, onNew }: { endsAt: string; onNew: () => void }) {
  const { t } = useTranslation('commissioning')
  const format = useFormat()
  const now = useNow()
  const ended = millis(endsAt) <= now
  const when = format.relative(endsAt, now)
  return (
    <Group justify="space-between">
      {ended ? (
        <Alert color="red" variant="outline" role="alert">
          {t('agent.codeEnded', { when })}
        </Alert>
      ) : (
        <Text size="sm" c="dimmed" title={format.dateTime(endsAt)}>
          {t('agent.codeEnds', { when })}
        </Text>
      )}
      <Button size="compact-sm" variant="default" onClick={onNew}>
        {t('agent.newCode')}
      </Button>
    </Group>
  )
}
