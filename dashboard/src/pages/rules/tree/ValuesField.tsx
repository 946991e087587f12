import { Checkbox, Group, NativeSelect, SimpleGrid, TagsInput } from '@mantine/core'
import { useTranslation } from 'react-i18next'
import type { Leaf, ValueType } from './draft'
import type { SetFields } from './editing'

export const VALUE_TYPES = ['text', 'number', 'boolean'] as const
const BOOLEANS = ['true', 'false'] as const
const VALUES_MAX = 32

interface ValuesFieldProps {
  leaf: Leaf
  error: string | undefined
  set: SetFields
}

/** Some values of one type, in their order. */
export function ValuesField({ leaf, error, set }: ValuesFieldProps) {
  const { t } = useTranslation('conditions')
  const { type, items } = leaf.values
  const label = t(leaf.kind === 'sequence' ? 'field.states' : 'field.values')
  const change = (changed: string[]) => set({ values: { type, items: changed } })
  const isOrdered = leaf.kind === 'sequence'
  return (
    <SimpleGrid cols={{ base: 1, xs: 2 }} spacing="xs" mt="xs">
      <TypeSelect type={type} onChange={(next) => set({ values: { type: next, items: [] } })} />
      {type === 'boolean' && !isOrdered ? (
        <BooleanChoice label={label} items={items} error={error} onChange={change} />
      ) : (
        <TagsInput
          label={label}
          description={t(leaf.kind === 'missing' ? 'valuesAny' : 'valuesHint')}
          required={leaf.kind !== 'missing'}
          maxTags={VALUES_MAX}
          // Commas are part of texts, and of numbers in German.
          splitChars={[]}
          allowDuplicates={isOrdered}
          isDuplicate={(item, all) => !isOrdered && all.includes(item)}
          data={type === 'boolean' ? [...BOOLEANS] : []}
          value={items}
          error={error}
          onChange={change}
        />
      )}
    </SimpleGrid>
  )
}

export function TypeSelect({
  type,
  onChange,
}: {
  type: ValueType
  onChange: (type: ValueType) => void
}) {
  const { t } = useTranslation('conditions')
  return (
    <NativeSelect
      label={t('field.valueType')}
      value={type}
      onChange={(event) => onChange(event.currentTarget.value as ValueType)}
      data={VALUE_TYPES.map((value) => ({ value, label: t(`valueType.${value}`) }))}
    />
  )
}

function BooleanChoice({
  label,
  items,
  error,
  onChange,
}: {
  label: string
  items: string[]
  error: string | undefined
  onChange: (items: string[]) => void
}) {
  const { t } = useTranslation()
  return (
    <Checkbox.Group label={label} value={items} error={error} onChange={onChange}>
      <Group gap="sm" mt={4}>
        {BOOLEANS.map((value) => (
          <Checkbox key={value} value={value} label={t(`boolean.${value}`)} />
        ))}
      </Group>
    </Checkbox.Group>
  )
}
