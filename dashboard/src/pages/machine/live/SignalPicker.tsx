import { MultiSelect } from '@mantine/core'
import { useTranslation } from 'react-i18next'
import type { Signal } from '../../../api/types'
import { CHOSEN_MAX } from './chosen'

interface SignalPickerProps {
  signals: readonly Signal[]
  chosen: string[]
  onChange: (chosen: string[]) => void
}

/** Which signals are in the chart. */
export function SignalPicker({ signals, chosen, onChange }: SignalPickerProps) {
  const { t } = useTranslation('machine')
  return (
    <MultiSelect
      label={t('live.signals')}
      description={t('live.signalsHint', { count: CHOSEN_MAX })}
      data={signals.map(({ signal }) => signal)}
      value={chosen}
      onChange={onChange}
      maxValues={CHOSEN_MAX}
      searchable
      hidePickedOptions
      limit={200}
      nothingFoundMessage={t('live.noSignalFound')}
    />
  )
}
