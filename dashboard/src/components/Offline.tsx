import { Button, Center, Stack, Text, Title } from '@mantine/core'
import { useEffect } from 'react'
import { useTranslation } from 'react-i18next'
import { useOutage } from '../api/readiness'
import { OutageNotice } from './OutageNotice'

const AGAIN_MS = 3_000

/** The platform can't be reached and there is nothing to show. Tries again by itself. */
export function Offline({ onRetry }: { onRetry: () => void }) {
  const { t } = useTranslation()
  const outage = useOutage()
  useEffect(() => {
    const timer = setTimeout(onRetry, AGAIN_MS)
    return () => clearTimeout(timer)
  }, [onRetry])
  return (
    <Center mih="60vh" p="md" role="alert">
      <Stack align="center" gap="xs">
        <Title order={1} size="h3">
          {outage ? t(`outage.${outage.part}.short`) : t('state.offline')}
        </Title>
        {outage ? <OutageNotice /> : <Text c="dimmed">{t('state.offlineHint')}</Text>}
        <Button onClick={onRetry}>{t('state.retry')}</Button>
      </Stack>
    </Center>
  )
}
