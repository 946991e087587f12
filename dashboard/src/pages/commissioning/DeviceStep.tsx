import { Alert, Stack, Text } from '@mantine/core'
import { IconAlertTriangle } from '@tabler/icons-react'
import { useTranslation } from 'react-i18next'
import type { useCreateDeviceToken } from '../../api/machines'
import type { Machine } from '../../api/types'
import { CopyBlock } from '../../components/CopyBlock'
import { caCommand, MQTT_PORT, publishCommand } from './commands'
import { Onward, Secret } from './Secret'

interface DeviceStepProps {
  machine: Machine
  token: ReturnType<typeof useCreateDeviceToken>
  onBack: () => void
  onNext: () => void
}

/** What a device without agent needs to sign in with MQTT. */
export function DeviceStep({ machine, token, onBack, onNext }: DeviceStepProps) {
  const { t } = useTranslation('commissioning')
  const { origin } = window.location
  return (
    <Stack>
      <Text>{t('device.intro', { name: machine.name })}</Text>
      <CopyBlock label={t('device.user')} text={machine.id} />
      <Secret
        creation={token}
        machineId={machine.id}
        missing={t('device.tokenGone')}
        create={t('device.newToken')}
      >
        {(created) => (
          <Stack>
            <CopyBlock label={t('device.password')} text={created.token} />
            <Alert color="orange" variant="outline" icon={<IconAlertTriangle />}>
              {t('device.once')}
            </Alert>
            <CopyBlock label={t('device.ca')} text={caCommand(origin)} />
            <CopyBlock
              label={t('device.publish')}
              text={publishCommand(origin, machine.id, created.token)}
            />
            <Text size="sm" c="dimmed">
              {t('device.port', { port: MQTT_PORT })}
            </Text>
          </Stack>
        )}
      </Secret>
      <Onward onBack={onBack} onNext={onNext} />
    </Stack>
  )
}
