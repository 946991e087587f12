import { Autocomplete, Checkbox, Group, NativeSelect, SimpleGrid, TextInput } from '@mantine/core'
import { useTranslation } from 'react-i18next'
import type { Signal } from '../../../api/types'
import { NumberField } from '../../../components/NumberField'
import { ChangesField } from './ChangesField'
import { CheckedInput } from './CheckedInput'
import { fieldAt, isNumberName, NUMBERS } from './check'
import { type FieldName, fieldsOf, type Leaf, type LeafFields, RATE_PERS, WEEKDAYS } from './draft'
import type { SetFields } from './editing'
import { isTimeOfDay } from './formats'
import { LimitField } from './LimitField'
import { SignalField, SignalsField } from './SignalField'
import { ValuesField } from './ValuesField'

interface LeafFormProps {
  leaf: Leaf
  errors: Readonly<Record<string, string>>
  signals: readonly Signal[]
  set: SetFields
}

const CHOICES = {
  side: ['above', 'below'],
  per: RATE_PERS,
  measure: ['absolute', 'percent'],
  counted: ['above', 'below', 'is'],
  each: ['sample', 'crossing'],
  match: ['is', 'is_not'],
  subject: ['signal', 'event'],
  of: ['value', 'change'],
  together: ['auto', 'yes', 'no'],
} as const satisfies Partial<Record<FieldName, readonly string[]>>
type ChoiceName = keyof typeof CHOICES

const isChoice = (field: FieldName): field is ChoiceName => field in CHOICES
/** What needs the whole width. */
const WIDE: readonly FieldName[] = ['values', 'changes', 'signals', 'weekdays']

/** All that one condition asks for. */
export function LeafForm(props: LeafFormProps) {
  const fields = fieldsOf(props.leaf)
  const narrow = fields.filter((field) => !WIDE.includes(field))
  const wide = fields.filter((field) => WIDE.includes(field))
  return (
    <>
      <SimpleGrid cols={{ base: 1, xs: 2 }} spacing="xs" verticalSpacing="xs">
        {narrow.map((field) => (
          <Field key={field} field={field} {...props} />
        ))}
      </SimpleGrid>
      {wide.map((field) => (
        <Field key={field} field={field} {...props} />
      ))}
    </>
  )
}

interface FieldProps extends LeafFormProps {
  field: FieldName
}

function Field(props: FieldProps) {
  const { field, leaf, errors, set } = props
  const { t } = useTranslation('conditions')
  const error = errors[fieldAt(leaf.key, field)]
  if (isNumberName(field)) {
    return (
      <NumberField
        label={t(`field.${field}`)}
        unit={field.endsWith('_s') ? 's' : undefined}
        rules={NUMBERS[field]}
        value={leaf[field]}
        error={error}
        onChange={(value) => set({ [field]: value })}
      />
    )
  }
  if (isChoice(field)) return <ChoiceField {...props} field={field} />
  switch (field) {
    case 'signal':
    case 'from':
      return <SignalField {...props} field={field} error={error} />
    case 'signals':
      return <SignalsField {...props} error={error} />
    case 'limit':
    case 'clear_at':
      return <LimitField {...props} field={field} />
    case 'values':
      return <ValuesField leaf={leaf} error={error} set={set} />
    case 'changes':
      return <ChangesField leaf={leaf} error={error} set={set} />
    case 'weekdays':
      return <Weekdays leaf={leaf} error={error} set={set} />
    case 'outside':
      return (
        <Checkbox
          label={t('field.outside')}
          checked={leaf.outside}
          onChange={(event) => set({ outside: event.currentTarget.checked })}
        />
      )
    case 'day_from':
    case 'day_to':
      return <TimeField {...props} field={field} error={error} />
    case 'time_zone':
      return <TimeZone leaf={leaf} error={error} set={set} />
    default:
      return <TextField {...props} field={field} error={error} />
  }
}

function ChoiceField({ leaf, field, errors, set }: FieldProps & { field: ChoiceName }) {
  const { t } = useTranslation('conditions')
  const values: readonly string[] = CHOICES[field]
  // Each choice has its texts; TypeScript would want all of them for each.
  const textOf = (value: string) => t(`choice.${field}.${value}` as 'choice.side.above')
  const choose = (value: string) => {
    const chosen: Partial<Record<ChoiceName, string>> = { [field]: value }
    set(chosen as Partial<LeafFields>)
  }
  return (
    <NativeSelect
      label={t(`field.${field}`)}
      value={leaf[field]}
      error={errors[fieldAt(leaf.key, field)]}
      onChange={(event) => choose(event.currentTarget.value)}
      data={values.map((value) => ({ value, label: textOf(value) }))}
    />
  )
}

type TextName = 'unit' | 'event'
const LENGTHS: Record<TextName, number> = { unit: 32, event: 128 }

function TextField({
  leaf,
  field,
  signals,
  error,
  set,
}: Omit<FieldProps, 'field'> & { field: TextName; error: string | undefined }) {
  const { t } = useTranslation('conditions')
  const known = signals.find(({ signal }) => signal === leaf.signal.trim())?.unit
  const placeholders = { unit: known ?? '', event: '' }
  return (
    <TextInput
      label={t(`field.${field}`)}
      description={field === 'unit' ? t('unitHint') : undefined}
      placeholder={placeholders[field]}
      required={field === 'event'}
      maxLength={LENGTHS[field]}
      autoComplete="off"
      value={leaf[field]}
      error={error}
      onChange={(event) => set({ [field]: event.currentTarget.value })}
    />
  )
}

type TimeName = 'day_from' | 'day_to'
const TIMES: Record<TimeName, string> = { day_from: '00:00', day_to: '24:00' }

/** A time of the day; without one the day's beginning, or its end. */
function TimeField({ leaf, field, error, set }: OneProps & { field: TimeName }) {
  const { t } = useTranslation('conditions')
  const value = leaf[field].trim()
  return (
    <CheckedInput
      label={t(`field.${field}`)}
      placeholder={TIMES[field]}
      maxLength={5}
      autoComplete="off"
      value={leaf[field]}
      error={error}
      problem={value && !isTimeOfDay(value) ? t('error.time', { value }) : undefined}
      onChange={(time) => set({ [field]: time })}
    />
  )
}

interface OneProps {
  leaf: Leaf
  error: string | undefined
  set: SetFields
}

function Weekdays({ leaf, error, set }: OneProps) {
  const { t } = useTranslation('conditions')
  return (
    <Checkbox.Group
      label={t('field.weekdays')}
      description={t('weekdaysHint')}
      value={leaf.weekdays}
      error={error}
      mt="xs"
      onChange={(chosen) => set({ weekdays: WEEKDAYS.filter((day) => chosen.includes(day)) })}
    >
      <Group gap="sm" mt={4}>
        {WEEKDAYS.map((day) => (
          <Checkbox key={day} value={day} label={t(`weekday.${day}`)} />
        ))}
      </Group>
    </Checkbox.Group>
  )
}

const ZONES = Intl.supportedValuesOf('timeZone')

function TimeZone({ leaf, error, set }: OneProps) {
  const { t } = useTranslation('conditions')
  return (
    <Autocomplete
      label={t('field.time_zone')}
      placeholder={t('timeZoneNone')}
      maxLength={64}
      limit={50}
      data={ZONES}
      value={leaf.time_zone}
      error={error}
      onChange={(value) => set({ time_zone: value })}
    />
  )
}
