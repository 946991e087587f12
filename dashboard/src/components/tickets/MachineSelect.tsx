import { Select } from '@mantine/core'
import { useDebouncedValue } from '@mantine/hooks'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { useMachines } from '../../api/machines'
import type { Machine } from '../../api/types'

const WAIT_MS = 250
const SHOWN = 20

interface MachineSelectProps {
  value: string
  onChange: (id: string) => void
  error?: string
}

/** Finds one machine of many by a part of its name or serial number. */
export function MachineSelect({ value, onChange, error }: MachineSelectProps) {
  const { t } = useTranslation('tickets')
  const { t: common } = useTranslation()
  const [search, setSearch] = useState('')
  const [chosen, setChosen] = useState<{ value: string; label: string }>()
  const [q] = useDebouncedValue(search === chosen?.label ? '' : search.trim(), WAIT_MS)
  const list = useMachines(q ? { q } : {}, { limit: SHOWN })
  const found = list.items.filter((one) => one.state !== 'decommissioned').map(option)
  const missing = chosen && !found.some((one) => one.value === chosen.value)
  return (
    <Select
      label={t('machine')}
      description={t('new.machineHint')}
      required
      searchable
      data={missing ? [chosen, ...found] : found}
      // The platform has searched.
      filter={({ options }) => options}
      value={value || null}
      onChange={(id, picked) => {
        setChosen(picked ? { value: picked.value, label: picked.label } : undefined)
        onChange(id ?? '')
      }}
      searchValue={search}
      onSearchChange={setSearch}
      nothingFoundMessage={list.isFetching ? common('state.loading') : t('new.noMachine')}
      error={error}
      data-autofocus
    />
  )
}

function option(machine: Machine) {
  return { value: machine.id, label: `${machine.name} · ${machine.serial_number}` }
}
