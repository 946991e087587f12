import { useTranslation } from 'react-i18next'
import { useRelearn } from '../../../api/machines'
import { ConfirmDialog } from '../../../components/ConfirmDialog'
import { useNotify } from '../../../components/trouble'
import type { MachineDialogProps } from './FormDialog'

/** Asks before rules forget what they have learned of the machine. */
export function RelearnDialog({ machine, opened, onClose }: MachineDialogProps) {
  const { t } = useTranslation('machine')
  const notify = useNotify()
  const relearn = useRelearn()
  return (
    <ConfirmDialog
      opened={opened}
      onClose={onClose}
      title={t('relearn.title', { name: machine.name })}
      confirm={t('action.relearn')}
      busy={relearn.isPending}
      onConfirm={() =>
        relearn.mutate(machine.id, {
          onSuccess: () => {
            notify.done(t('relearn.done'))
            onClose()
          },
          onError: notify.failed,
        })
      }
    >
      {t('relearn.effect')}
    </ConfirmDialog>
  )
}
