import { Button, Group, Stack, Text } from '@mantine/core'
import { useMediaQuery } from '@mantine/hooks'
import { IconPlus } from '@tabler/icons-react'
import { useCallback, useEffect, useMemo } from 'react'
import { useTranslation } from 'react-i18next'
import { Link, useSearchParams } from 'react-router'
import { useFleet } from '../../api/fleet'
import { useSites } from '../../api/machines'
import { useMay, useMe } from '../../api/people'
import { Empty, Failed, Loaded } from '../../components/Loaded'
import { PageHead } from '../../components/PageHead'
import { FleetCards } from './FleetCards'
import { FleetFilters } from './FleetFilters'
import { FleetTable } from './FleetTable'
import { remember, remembered } from './values/chosen'
import { useValues } from './values/useValues'
import { FORBIDDEN, OrderNotice, ValuesFailed } from './values/ValuesNotice'
import { ValuesPicker } from './values/ValuesPicker'
import { isNarrowed, isShown, queryOf, type View, viewOf, withSignals } from './view'

/** Below it, a machine is a card. */
const NARROW = '(max-width: 48em)'

export function FleetPage() {
  const { t } = useTranslation('fleet')
  const may = useMay()
  const [query, setQuery] = useSearchParams()
  const view = useMemo(() => viewOf(query), [query])
  const change = useCallback(
    (part: Partial<View>) =>
      setQuery((before) => queryOf({ ...viewOf(before), ...part }), { replace: true }),
    [setQuery],
  )
  useLastChoice(query.has('signal'), change)
  return (
    <>
      <PageHead
        title={t('title')}
        actions={
          may('machines.enroll') && (
            <Button component={Link} to="/commission" leftSection={<IconPlus size={16} />}>
              {t('add')}
            </Button>
          )
        }
      />
      <Stack gap="sm">
        <FleetFilters view={view} onChange={change} />
        <Machines view={view} onChange={change} />
      </Stack>
    </>
  )
}

/** An address that names no signals gets those that the person chose last. */
function useLastChoice(isSaid: boolean, change: (part: Partial<View>) => void): void {
  const { data: me } = useMe()
  const canRead = useMay()('telemetry.read')
  useEffect(() => {
    if (isSaid || !me || !canRead) return
    const signals = remembered(me.id)
    if (signals.length > 0) change({ signals })
  }, [isSaid, me, canRead, change])
}

function Machines({ view, onChange }: { view: View; onChange: (part: Partial<View>) => void }) {
  const isNarrow = useMediaQuery(NARROW, false, { getInitialValueInEffect: false })
  const fleet = useFleet({
    q: view.q || undefined,
    state: view.state,
    site_id: view.site,
  })
  const sites = useSites()
  const { data: me } = useMe()
  const canRead = useMay()('telemetry.read')
  const allowed = useMemo(
    () => (canRead ? view : { ...view, ...withSignals(view, []) }),
    [canRead, view],
  )
  const values = useValues(allowed.signals)
  const siteNames = useMemo(
    () => new Map((sites.data ?? []).map((site) => [site.id, site.name])),
    [sites.data],
  )
  const shown = useMemo(
    () => fleet.machines.filter((machine) => isShown(machine, view)),
    [fleet.machines, view],
  )
  if (fleet.isPending || (fleet.error && fleet.machines.length === 0)) {
    return <Loaded query={{ ...fleet, data: undefined }} height={400} children={() => null} />
  }
  const choose = (signals: string[]) => {
    if (me) remember(me.id, signals)
    onChange(withSignals(view, signals))
  }
  const isRefused = me !== undefined && !canRead && view.signals.length > 0
  const valuesError = isRefused ? FORBIDDEN : values.error
  const List = isNarrow ? FleetCards : FleetTable
  return (
    <>
      {fleet.error && <Failed error={fleet.error} onRetry={fleet.refetch} />}
      <Group justify="space-between" gap="xs">
        <Counted shown={shown.length} loaded={fleet.machines.length} isFilling={fleet.isFilling} />
        {canRead && <ValuesPicker machines={shown} chosen={view.signals} onChoose={choose} />}
      </Group>
      {valuesError !== undefined && <ValuesFailed error={valuesError} onRetry={values.retry} />}
      <OrderNotice view={allowed} machines={shown} values={values.values} />
      {shown.length > 0 ? (
        <List
          machines={shown}
          siteNames={siteNames}
          values={values}
          view={allowed}
          onChange={onChange}
          isFilling={fleet.isFilling}
        />
      ) : (
        !fleet.isFilling && <Nothing isNarrowed={isNarrowed(view)} onClear={() => onChange(ALL)} />
      )}
    </>
  )
}

const ALL: Partial<View> = {
  q: '',
  state: undefined,
  connection: undefined,
  alarms: false,
  site: undefined,
}

function Counted(props: { shown: number; loaded: number; isFilling: boolean }) {
  const { t } = useTranslation('fleet')
  const { shown, loaded, isFilling } = props
  const text = () => {
    if (isFilling) return t('filling', { count: loaded })
    return shown === loaded ? t('count', { count: loaded }) : t('some', { shown, count: loaded })
  }
  return (
    <Text size="sm" c="dimmed" role="status" data-testid="fleet-count">
      {text()}
    </Text>
  )
}

function Nothing({ isNarrowed, onClear }: { isNarrowed: boolean; onClear: () => void }) {
  const { t } = useTranslation('fleet')
  const may = useMay()
  return (
    <Stack align="flex-start" gap={0}>
      <Empty>{isNarrowed ? t('noHit') : t('none')}</Empty>
      {isNarrowed && (
        <Button variant="default" onClick={onClear}>
          {t('clear')}
        </Button>
      )}
      {!isNarrowed && may('machines.enroll') && (
        <Button component={Link} to="/commission">
          {t('addFirst')}
        </Button>
      )}
    </Stack>
  )
}
