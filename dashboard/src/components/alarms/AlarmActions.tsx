import { ActionIcon, Button, Menu } from '@mantine/core'
import { IconDots } from '@tabler/icons-react'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { type AlarmAction, useAlarmAction } from '../../api/alarms'
import { useMay } from '../../api/people'
import type { Alarm } from '../../api/types'
import { useNow } from '../../format/use'
import { ConfirmDialog } from '../ConfirmDialog'
import { useNotify } from '../trouble'
import { ShelveDialog } from './ShelveDialog'
import { isShelved, keptBy, useAlarmWords } from './words'

type Asked = 'shelve' | 'out-of-service' | 'clear'

/** What a person may do with an alarm; nothing for those who only look. */
export function AlarmActions({ alarm }: { alarm: Alarm }) {
  const { t } = useTranslation('alarms')
  const may = useMay()
  const words = useAlarmWords()
  const notify = useNotify()
  const { mutate, isPending } = useAlarmAction()
  const [asked, setAsked] = useState<Asked>()
  if (!may('alarms.write')) return null
  const run = (action: AlarmAction) =>
    mutate(
      { alarm, action },
      {
        onSuccess: () => {
          notify.done(t(`done.${action.kind}`))
          setAsked(undefined)
        },
        onError: notify.failed,
      },
    )
  const dialog = { onClose: () => setAsked(undefined), busy: isPending }
  return (
    <>
      {!alarm.acknowledged && (
        <Button
          size="compact-sm"
          variant="default"
          loading={isPending && !asked}
          onClick={() => run({ kind: 'acknowledge' })}
          aria-label={`${t('action.acknowledge')}: ${words(alarm)}`}
        >
          {t('action.acknowledge')}
        </Button>
      )}
      <More alarm={alarm} run={run} ask={setAsked} />
      <ShelveDialog
        {...dialog}
        opened={asked === 'shelve'}
        what={words(alarm)}
        onShelve={(forS, reason) => run({ kind: 'shelve', forS, reason })}
      />
      <ConfirmDialog
        {...dialog}
        opened={asked === 'out-of-service'}
        title={t('outOfService.title')}
        confirm={t('action.outOfService')}
        asksReason
        onConfirm={(reason) => run({ kind: 'out-of-service', reason })}
      >
        {t('outOfService.what', { alarm: words(alarm) })}
      </ConfirmDialog>
      <ConfirmDialog
        {...dialog}
        opened={asked === 'clear'}
        title={t('clear.title')}
        confirm={t('action.clear')}
        asksReason
        dangerous
        onConfirm={(reason) => run({ kind: 'clear', reason })}
      >
        {t('clear.what', { alarm: words(alarm) })}
      </ConfirmDialog>
    </>
  )
}

interface MoreProps {
  alarm: Alarm
  run: (action: AlarmAction) => void
  ask: (asked: Asked) => void
}

function More({ alarm, run, ask }: MoreProps) {
  const { t } = useTranslation('alarms')
  const words = useAlarmWords()
  const shelved = isShelved(alarm, useNow())
  const kept = keptBy(alarm)
  if (!alarm.active && !shelved && !alarm.out_of_service) return null
  return (
    <Menu position="bottom-end" withInitialFocusPlaceholder={false}>
      <Menu.Target>
        <ActionIcon variant="subtle" aria-label={`${t('action.more')}: ${words(alarm)}`}>
          <IconDots size={18} />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        {shelved ? (
          <Menu.Item onClick={() => run({ kind: 'unshelve' })}>{t('action.unshelve')}</Menu.Item>
        ) : (
          <Menu.Item onClick={() => ask('shelve')}>{t('action.shelve')}</Menu.Item>
        )}
        {alarm.out_of_service ? (
          <Menu.Item onClick={() => run({ kind: 'return-to-service' })}>
            {t('action.returnToService')}
          </Menu.Item>
        ) : (
          <Menu.Item onClick={() => ask('out-of-service')} disabled={!alarm.active}>
            {t('action.outOfService')}
          </Menu.Item>
        )}
        {alarm.active && (
          <Menu.Item onClick={() => ask('clear')} disabled={kept !== undefined}>
            {kept ? t(`clear.not.${kept}`) : t('action.clear')}
          </Menu.Item>
        )}
      </Menu.Dropdown>
    </Menu>
  )
}
