import { Autocomplete, TagsInput } from '@mantine/core'
import { useTranslation } from 'react-i18next'
import type { Signal } from '../../../api/types'
import type { Leaf } from './draft'
import type { SetFields } from './editing'

interface SignalFieldProps {
  leaf: Leaf
  signals: readonly Signal[]
  error: string | undefined
  set: SetFields
}

const NAME_MAX = 256
const OFFERED_MAX = 200

/** Whether it needs a signal that is a number. */
function needsNumber(leaf: Leaf): boolean {
  switch (leaf.kind) {
    case 'threshold':
    case 'rate':
    case 'deviation':
    case 'anomaly':
      return true
    case 'count':
      return leaf.counted !== 'is'
    default:
      return false
  }
}

function offered(leaf: Leaf, signals: readonly Signal[]): string[] {
  const fits = ({ kind }: Signal) => !needsNumber(leaf) || kind === 'number'
  return signals.filter(fits).map(({ signal }) => signal)
}

/** One of the machine's signals, or another name; with its unit where that is known. */
export function SignalField({
  leaf,
  field,
  signals,
  error,
  set,
}: SignalFieldProps & { field: 'signal' | 'from' }) {
  const { t } = useTranslation('conditions')
  const name = leaf[field].trim()
  const known = signals.find(({ signal }) => signal === name)
  const choose = (value: string) => {
    const kind = signals.find(({ signal }) => signal === value.trim())?.kind
    const isOpen = leaf.values.items.length === 0 && leaf.changes.length === 0
    const typed = field === 'signal' && kind && isOpen ? { values: { type: kind, items: [] } } : {}
    set({ [field]: value, ...typed })
  }
  return (
    <Autocomplete
      label={t(field === 'from' ? 'field.from' : 'field.signal')}
      description={known?.unit ? t('unitIs', { unit: known.unit }) : t('signalHint')}
      required
      maxLength={NAME_MAX}
      limit={OFFERED_MAX}
      data={offered(leaf, signals)}
      value={leaf[field]}
      error={error}
      onChange={choose}
    />
  )
}

/** Several signals, each once. */
export function SignalsField({ leaf, signals, error, set }: SignalFieldProps) {
  const { t } = useTranslation('conditions')
  return (
    <TagsInput
      label={t('field.signals')}
      description={t('signalsHint')}
      required
      mt="xs"
      maxTags={20}
      limit={OFFERED_MAX}
      // Commas are part of names.
      splitChars={[]}
      isDuplicate={(name, all) => all.includes(name)}
      data={offered(leaf, signals)}
      value={leaf.signals}
      error={error}
      onChange={(value) => set({ signals: value })}
    />
  )
}
