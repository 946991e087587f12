import { Alert, Button, Group, Text } from '@mantine/core'
import { IconTool } from '@tabler/icons-react'
import { useTranslation } from 'react-i18next'
import { useMachineAction, useMaintenance } from '../../api/machines'
import { useMay } from '../../api/people'
import type { Machine } from '../../api/types'
import { Actor } from '../../components/Actor'
import { useNotify } from '../../components/trouble'
import { useFormat, useNow } from '../../format/use'
import { millis } from '../../format/format'
import { Said } from '../../components/Said'

/** Says that the machine is being worked on: it raises no alarms and tickets meanwhile. */
export function MaintenanceBanner({ machine }: { machine: Machine }) {
  const now = useNow()
  const until = machine.maintenance_until
  const { data } = useMaintenance(machine.id)
  const isOn = until ? millis(until) > now : data?.active
  return isOn ? <Banner machine={machine} /> : null
}

function Banner({ machine }: { machine: Machine }) {
  const { t } = useTranslation('machine')
  const format = useFormat()
  const notify = useNotify()
  const may = useMay()
  const action = useMachineAction()
  const { data } = useMaintenance(machine.id)
  const end = () =>
    action.mutate(
      { machine, kind: 'end_maintenance' },
      { onSuccess: () => notify.done(t('maintenance.ended')), onError: notify.failed },
    )
  return (
    <Alert
      color="yellow"
      variant="outline"
      icon={<IconTool />}
      title={t('maintenance.on', {
        until: format.dateTime(data?.until ?? machine.maintenance_until),
      })}
      data-testid="maintenance"
    >
      <Group justify="space-between" gap="xs">
        <Text size="sm">
          {data?.reason && (
            <>
              <Said>{data.reason}</Said>
              {' · '}
            </>
          )}
          <Actor actor={data?.by} /> · {t('maintenance.effect')}
        </Text>
        {may('machines.maintain') && (
          <Button size="xs" variant="default" onClick={end} loading={action.isPending}>
            {t('maintenance.end')}
          </Button>
        )}
      </Group>
    </Alert>
  )
}
