import { Button, Group, Stack, Text } from '@mantine/core'
import { useElementSize } from '@mantine/hooks'
import { IconPlayerPause, IconPlayerPlay } from '@tabler/icons-react'
import { useMemo, useState } from 'react'
import { useTranslation } from 'react-i18next'
import type { Machine, Signal } from '../../../api/types'
import { Failed } from '../../../components/Loaded'
import { chosenOf, remember, remembered } from './chosen'
import { LatestValues } from './LatestValues'
import { LiveChart } from './LiveChart'
import { SignalPicker } from './SignalPicker'
import { pointsFor, type Shown } from './span'
import { SpanPicker } from './SpanPicker'
import { useHistory } from './useHistory'
import { useLive } from './useLive'

/** The chart of the chosen signals, and the table of all newest values. */
export function LiveView({ machine, signals }: { machine: Machine; signals: Signal[] }) {
  const { t } = useTranslation('machine')
  const { ref, width } = useElementSize()
  const { chosen, choose } = useChosen(machine.id, signals)
  const [shown, setShown] = useState<Shown>({ kind: 'last', span: '15min' })
  const [pausedAt, setPausedAt] = useState<number>()
  const isPaused = pausedAt !== undefined
  const names = useMemo(() => chosen.map(({ signal }) => signal), [chosen])
  const { snapshot, store } = useLive(machine.id, names, { signals: signals.length, isPaused })
  const history = useHistory(machine.id, chosen, shown, { points: pointsFor(width), isPaused })
  const renew = () => {
    setPausedAt(undefined)
    history.renew()
  }
  return (
    <Stack gap="sm" ref={ref}>
      <Group justify="space-between" gap="xs">
        <SpanPicker
          shown={shown}
          onChange={(next) => {
            setShown(next)
            renew()
          }}
        />
        {shown.kind === 'last' && (
          <Button
            variant="default"
            size="xs"
            leftSection={isPaused ? <IconPlayerPlay size={14} /> : <IconPlayerPause size={14} />}
            onClick={() => (isPaused ? renew() : setPausedAt(Date.now()))}
          >
            {t(isPaused ? 'live.resume' : 'live.pause')}
          </Button>
        )}
      </Group>
      <SignalPicker signals={signals} chosen={names} onChange={choose} />
      {isPaused && (
        <Text size="sm" role="status">
          {t('live.paused')}
        </Text>
      )}
      {history.error && <Failed error={history.error} onRetry={history.refetch} />}
      {chosen.length > 0 && (
        <LiveChart
          machineId={machine.id}
          chosen={chosen}
          history={history}
          live={snapshot}
          store={store}
          shown={shown}
          pausedAt={pausedAt}
          onShow={setShown}
        />
      )}
      <LatestValues machine={machine} signals={signals} live={snapshot} />
    </Stack>
  )
}

/** The signals in the chart; kept for the next visit. */
function useChosen(machineId: string, signals: readonly Signal[]) {
  const [names, setNames] = useState(() => chosenOf(remembered(machineId), signals))
  const chosen = useMemo(
    () => names.flatMap((name) => signals.find(({ signal }) => signal === name) ?? []),
    [names, signals],
  )
  const choose = (next: string[]) => {
    setNames(next)
    remember(machineId, next)
  }
  return { chosen, choose }
}
