import { Stack, Text } from '@mantine/core'
import { useTranslation } from 'react-i18next'
import { useLearning } from '../../../api/learning'
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
      <Stack gap="xs">
        <Text>{t('relearn.effect')}</Text>
        <Whose machineId={machine.id} />
      </Stack>
    </ConfirmDialog>
  )
}

/** Which rules it is about, where that is known. */
function Whose({ machineId }: { machineId: string }) {
  const { t } = useTranslation('machine')
  const { data } = useLearning(machineId)
  if (!data) return null
  const rules = data.items.filter(({ state }) => state !== 'disabled')
  const names = rules.map((rule) => rule.rule_name).join(', ')
  return (
    <Text size="sm">
      {rules.length === 0 ? t('relearn.nothing') : t('relearn.rules', { names })}
    </Text>
  )
}
