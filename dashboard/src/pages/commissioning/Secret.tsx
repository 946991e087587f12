import { Button, Group, Loader, Stack, Text } from '@mantine/core'
import type { ReactNode } from 'react'
import { useTranslation } from 'react-i18next'
import { Failed } from '../../components/Loaded'

interface Creation<T> {
  data: T | undefined
  error: unknown
  isPending: boolean
  mutate: (machineId: string) => void
}

interface SecretProps<T> {
  creation: Creation<T>
  machineId: string
  /** Why there is none to be seen, such as after the page was loaded again. */
  missing: string
  /** Of the button that makes one. */
  create: string
  children: (secret: T) => ReactNode
}

/** Something that is shown once: while it is made, when that failed, when it is gone. */
export function Secret<T>({ creation, machineId, missing, create, children }: SecretProps<T>) {
  const { t } = useTranslation()
  const make = () => creation.mutate(machineId)
  if (creation.isPending) return <Loader role="status" aria-label={t('state.loading')} />
  if (creation.error) return <Failed error={creation.error} onRetry={make} />
  if (creation.data !== undefined) return <>{children(creation.data)}</>
  return (
    <Stack align="flex-start" gap="xs">
      <Text>{missing}</Text>
      <Button onClick={make}>{create}</Button>
    </Stack>
  )
}

/** Back, and on to the waiting. */
export function Onward({ onBack, onNext }: { onBack: () => void; onNext: () => void }) {
  const { t } = useTranslation('commissioning')
  const { t: common } = useTranslation()
  return (
    <Group justify="space-between">
      <Button variant="default" onClick={onBack}>
        {common('action.back')}
      </Button>
      <Button onClick={onNext}>{t('toWait')}</Button>
    </Group>
  )
}
