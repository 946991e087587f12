import { useTranslation } from 'react-i18next'
import { useSetParameters } from '../../../api/parameters'
import type { Machine } from '../../../api/types'
import { ConfirmDialog } from '../../../components/ConfirmDialog'
import { useNotify } from '../../../components/trouble'
import type { MachineDialogProps } from '../dialogs/FormDialog'
import { changed, type ParameterRow } from './parameters'

interface RemoveParameterProps extends Omit<MachineDialogProps, 'machine'> {
  row: ParameterRow | undefined
  /** As it was shown when it was asked for. */
  read: Machine
}

/** Asks before a machine's own limit is taken away. */
export function RemoveParameter({ row, read, opened, onClose }: RemoveParameterProps) {
  const { t } = useTranslation('machine')
  const notify = useNotify()
  const save = useSetParameters()
  if (!row) return null
  const { name } = row
  const remove = () =>
    save.mutate(
      { machine: read, parameters: changed(read, name, undefined) },
      {
        onSuccess: () => notify.done(t('parameters.removed', { name })),
        onError: notify.failed,
        // What was changed meanwhile is shown then, and can be looked at.
        onSettled: onClose,
      },
    )
  return (
    <ConfirmDialog
      opened={opened}
      onClose={onClose}
      title={t('parameters.removeTitle', { name })}
      confirm={t('parameters.remove')}
      dangerous
      busy={save.isPending}
      onConfirm={remove}
    >
      {t(row.uses.length > 0 ? 'parameters.removeEffect' : 'parameters.removeUnused')}
    </ConfirmDialog>
  )
}
