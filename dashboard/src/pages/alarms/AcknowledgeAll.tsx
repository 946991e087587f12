import { Button, Group, Progress, Text } from '@mantine/core'
import { useDisclosure } from '@mantine/hooks'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { useAcknowledgeAll } from '../../api/alarms'
import { useMay } from '../../api/people'
import type { Alarm } from '../../api/types'
import { ConfirmDialog } from '../../components/ConfirmDialog'
import { useNotify } from '../../components/trouble'

/** Marks all alarms that are shown as seen, and says how far it is. */
export function AcknowledgeAll({ alarms }: { alarms: readonly Alarm[] }) {
  const { t } = useTranslation('alarms')
  const may = useMay()
  const notify = useNotify()
  const [opened, dialog] = useDisclosure(false)
  const [progress, setProgress] = useState<{ done: number; all: number }>()
  const { mutate } = useAcknowledgeAll()
  const open = alarms.filter((alarm) => !alarm.acknowledged)
  if (!may('alarms.write')) return null
  const run = () => {
    dialog.close()
    setProgress({ done: 0, all: open.length })
    mutate(
      { alarms: open, onProgress: (done) => setProgress({ done, all: open.length }) },
      {
        onSuccess: ({ done, refused }) =>
          notify.done(refused > 0 ? t('bulk.some', { done, refused }) : t('bulk.done', { done })),
        onError: notify.failed,
        onSettled: () => setProgress(undefined),
      },
    )
  }
  if (progress) {
    const text = t('bulk.progress', progress)
    return (
      <Group gap="xs" role="status">
        <Text size="sm">{text}</Text>
        <Progress w={160} value={(100 * progress.done) / progress.all} aria-label={text} />
      </Group>
    )
  }
  return (
    <>
      {open.length > 0 && (
        <Button variant="default" onClick={dialog.open}>
          {t('bulk.button', { count: open.length })}
        </Button>
      )}
      <ConfirmDialog
        opened={opened}
        onClose={dialog.close}
        title={t('bulk.title')}
        confirm={t('bulk.confirm')}
        onConfirm={run}
      >
        {t('bulk.what', { count: open.length })}
      </ConfirmDialog>
    </>
  )
}
