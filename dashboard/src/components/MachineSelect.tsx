import { Select, type SelectProps } from '@mantine/core'
import { useDebouncedValue } from '@mantine/hooks'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { type MachineFilter, useMachine, useMachines } from '../api/machines'
import type { Machine } from '../api/types'

const TYPING_MS = 250
/** Hits that are offered; more letters narrow them. */
const OFFERED = 50

interface MachineSelectProps extends Omit<SelectProps, 'data' | 'value' | 'onChange' | 'filter'> {
  value: string | null
  onChange: (id: string | null) => void
  /** Only such machines. */
  filter?: Omit<MachineFilter, 'q'>
}

/** Chooses a machine by a part of its name or serial number. */
export function MachineSelect({ value, onChange, filter, ...props }: MachineSelectProps) {
  const { t } = useTranslation()
  const [text, setText] = useState('')
  const chosen = useMachine(value ?? undefined)
  const [asked] = useDebouncedValue(text.trim(), TYPING_MS)
  const isChosen = chosen.data !== undefined && asked === labelOf(chosen.data)
  const q = isChosen || asked === '' ? undefined : asked
  const { items, isFetching } = useMachines({ ...filter, q }, { limit: OFFERED })
  const offered = items.filter((machine) => machine.id !== value)
  const all = chosen.data ? [chosen.data, ...offered] : offered
  return (
    <Select
      searchable
      {...props}
      value={value}
      onChange={onChange}
      searchValue={text}
      onSearchChange={setText}
      data={all.map((machine) => ({ value: machine.id, label: labelOf(machine) }))}
      // The platform has searched already, also in what isn't shown.
      filter={({ options }) => options}
      nothingFoundMessage={isFetching ? t('state.loading') : t('state.empty')}
      maxDropdownHeight={300}
    />
  )
}

function labelOf(machine: Machine): string {
  return `${machine.name} (${machine.serial_number})`
}
