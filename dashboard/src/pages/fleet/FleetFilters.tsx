import { Group, Select, Switch, TextInput } from '@mantine/core'
import { useDebouncedCallback } from '@mantine/hooks'
import { IconSearch } from '@tabler/icons-react'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { useSites } from '../../api/machines'
import type { View } from './view'

const TYPING_MS = 300

interface FleetFiltersProps {
  view: View
  onChange: (part: Partial<View>) => void
}

export function FleetFilters({ view, onChange }: FleetFiltersProps) {
  const { t } = useTranslation('fleet')
  const { t: common } = useTranslation()
  const sites = useSites()
  const any = { placeholder: common('list.all'), clearable: true, w: 160 }
  const clear = { clearButtonProps: { 'aria-label': t('clearOne'), tabIndex: 0 } }
  return (
    <Group gap="sm" align="flex-end" role="search" aria-label={common('list.filter')}>
      <Search q={view.q} onSearch={(q) => onChange({ q })} />
      <Select
        {...any}
        {...clear}
        label={t('column.state')}
        value={view.state ?? null}
        onChange={(state) => onChange({ state: state ?? undefined })}
        data={(['registered', 'commissioned', 'decommissioned'] as const).map((state) => ({
          value: state,
          label: common(`machineState.${state}`),
        }))}
      />
      <Select
        {...any}
        {...clear}
        label={t('column.connection')}
        value={view.connection ?? null}
        onChange={(connection) => onChange({ connection: connection ?? undefined })}
        data={(['online', 'offline'] as const).map((state) => ({
          value: state,
          label: common(`connection.${state}`),
        }))}
      />
      <Select
        {...any}
        {...clear}
        label={t('column.site')}
        searchable
        value={view.site ?? null}
        onChange={(site) => onChange({ site: site ?? undefined })}
        data={(sites.data ?? []).map((site) => ({ value: site.id, label: site.name }))}
        nothingFoundMessage={t('noSite')}
      />
      <Switch
        label={t('withAlarms')}
        checked={view.alarms}
        onChange={(event) => onChange({ alarms: event.currentTarget.checked })}
        mb={8}
      />
    </Group>
  )
}

/** Asks the platform once the typing pauses. */
function Search({ q, onSearch }: { q: string; onSearch: (q: string) => void }) {
  const { t } = useTranslation('fleet')
  const { t: common } = useTranslation()
  const [text, setText] = useState(q)
  const [seen, setSeen] = useState(q)
  const [sent, setSent] = useState(q)
  const ask = useDebouncedCallback((wanted: string) => {
    setSent(wanted)
    onSearch(wanted)
  }, TYPING_MS)
  if (q !== seen) {
    setSeen(q)
    // Changed from elsewhere: the filters were cleared, or a step back in the history.
    if (q !== sent) {
      setSent(q)
      setText(q)
    }
  }
  return (
    <TextInput
      type="search"
      label={common('list.search')}
      placeholder={t('searchHint')}
      leftSection={<IconSearch size={16} />}
      value={text}
      maxLength={200}
      onChange={(event) => {
        setText(event.currentTarget.value)
        ask(event.currentTarget.value.trim())
      }}
      w={240}
    />
  )
}
