import { Stack } from '@mantine/core'
import { useTranslation } from 'react-i18next'
import { useSignals } from '../../../api/machines'
import type { Machine, Signal } from '../../../api/types'
import { Empty, Loaded } from '../../../components/Loaded'
import { LiveView } from './LiveView'

/** What the machine measures: over time, and now. */
export function LiveTab({ machine }: { machine: Machine }) {
  const { t } = useTranslation('machine')
  const signals = useSignals(machine.id)
  return (
    <Loaded query={signals} height={320}>
      {(data) =>
        data.items.length === 0 ? (
          <Stack>
            <Empty>{t('live.noSignals')}</Empty>
          </Stack>
        ) : (
          <LiveView machine={machine} signals={data.items as Signal[]} />
        )
      }
    </Loaded>
  )
}
