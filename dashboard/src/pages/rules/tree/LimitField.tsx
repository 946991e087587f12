import { Checkbox, Stack } from '@mantine/core'
import { useTranslation } from 'react-i18next'
import type { Signal } from '../../../api/types'
import { NumberField } from '../../../components/NumberField'
import { CheckedInput } from './CheckedInput'
import { fieldAt, limitRules } from './check'
import type { Leaf, LimitEntry } from './draft'
import type { SetFields } from './editing'
import { isParameterName, PARAMETER_NAME_MAX } from './formats'

interface LimitFieldProps {
  leaf: Leaf
  field: 'limit' | 'clear_at'
  errors: Readonly<Record<string, string>>
  signals: readonly Signal[]
  set: SetFields
}

/** A number for all machines, or a machine's own by the name of its parameter. */
export function LimitField({ leaf, field, errors, signals, set }: LimitFieldProps) {
  const { t } = useTranslation('conditions')
  const entry = leaf[field]
  const label = t(`field.${field}`)
  const name = entry.parameter.trim()
  // That it is missing is said when the form is sent.
  const parameterProblem =
    name && !isParameterName(name) ? t('error.parameter', { value: name }) : undefined
  const change = (more: Partial<LimitEntry>) => set({ [field]: { ...entry, ...more } })
  return (
    <Stack gap={6}>
      <NumberField
        label={label}
        unit={unitOf(leaf, signals, t('percentUnit'))}
        placeholder={field === 'clear_at' ? t('clearAtNone') : undefined}
        description={entry.isParameter ? t('parameter.default') : undefined}
        rules={limitRules(field, entry)}
        value={entry.number}
        error={errors[fieldAt(leaf.key, field)]}
        onChange={(number) => change({ number })}
      />
      <Checkbox
        size="xs"
        label={t('parameter.use')}
        aria-label={t('parameter.useOf', { field: label })}
        checked={entry.isParameter}
        onChange={(event) => change({ isParameter: event.currentTarget.checked })}
      />
      {entry.isParameter && (
        <CheckedInput
          label={t('parameter.name', { field: label })}
          description={t('parameter.hint')}
          required
          maxLength={PARAMETER_NAME_MAX}
          autoComplete="off"
          value={entry.parameter}
          error={errors[fieldAt(leaf.key, `${field}.parameter`)]}
          problem={parameterProblem}
          onChange={(parameter) => change({ parameter })}
        />
      )}
    </Stack>
  )
}

/** The unit that a limit is in: that of the signal, where the condition compares values. */
function unitOf(leaf: Leaf, signals: readonly Signal[], percent: string): string | undefined {
  if (leaf.kind === 'deviation' && leaf.measure === 'percent') return percent
  const signal = signals.find(({ signal }) => signal === leaf.signal.trim())
  const unit = (leaf.unit.trim() || signal?.unit) ?? undefined
  if (leaf.kind !== 'rate') return unit
  const per = { second: 's', minute: 'min', hour: 'h' }[leaf.per]
  return unit ? `${unit}/${per}` : `1/${per}`
}
