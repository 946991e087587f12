import { Button, Stack, Text } from '@mantine/core'
import { useMediaQuery } from '@mantine/hooks'
import { IconPlus } from '@tabler/icons-react'
import { useMemo } from 'react'
import { useTranslation } from 'react-i18next'
import { Link, useSearchParams } from 'react-router'
import { useFleet } from '../../api/fleet'
import { useSites } from '../../api/machines'
import { useMay } from '../../api/people'
import { Empty, Failed, Loaded } from '../../components/Loaded'
import { PageHead } from '../../components/PageHead'
import { FleetCards } from './FleetCards'
import { FleetFilters } from './FleetFilters'
import { FleetTable } from './FleetTable'
import { isNarrowed, isShown, queryOf, type View, viewOf } from './view'

/** Below it, a machine is a card. */
const NARROW = '(max-width: 48em)'

export function FleetPage() {
  const { t } = useTranslation('fleet')
  const may = useMay()
  const [query, setQuery] = useSearchParams()
  const view = useMemo(() => viewOf(query), [query])
  const change = (part: Partial<View>) =>
    setQuery((before) => queryOf({ ...viewOf(before), ...part }), { replace: true })
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

function Machines({ view, onChange }: { view: View; onChange: (part: Partial<View>) => void }) {
  const isNarrow = useMediaQuery(NARROW, false, { getInitialValueInEffect: false })
  const fleet = useFleet({
    q: view.q || undefined,
    state: view.state,
    site_id: view.site,
  })
  const sites = useSites()
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
  const List = isNarrow ? FleetCards : FleetTable
  return (
    <>
      {fleet.error && <Failed error={fleet.error} onRetry={fleet.refetch} />}
      <Counted shown={shown.length} loaded={fleet.machines.length} isFilling={fleet.isFilling} />
      {shown.length > 0 ? (
        <List
          machines={shown}
          siteNames={siteNames}
          view={view}
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
