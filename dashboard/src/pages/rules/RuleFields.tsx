import {
  Autocomplete,
  Fieldset,
  SegmentedControl,
  Select,
  SimpleGrid,
  Stack,
  Switch,
  TextInput,
} from '@mantine/core'
import type { UseFormReturnType } from '@mantine/form'
import type { ComponentProps } from 'react'
import { useTranslation } from 'react-i18next'
import { useMachines, useSignals } from '../../api/machines'
import { MachineSelect } from '../../components/MachineSelect'
import { NumberField } from '../../components/NumberField'
import { NUMBERS, type RuleForm } from './form'

type Form = Pick<UseFormReturnType<RuleForm>, 'getInputProps' | 'values' | 'setFieldValue'>

interface RuleFieldsProps {
  form: Form
  /** The machine whose signals are offered. */
  machineId: string | null
  /** A machine of the model was chosen to try the rule on. */
  onTry: (machineId: string | null) => void
  isNew: boolean
  disabled: boolean
}

export function RuleFields({ form, machineId, onTry, isNew, disabled }: RuleFieldsProps) {
  const { t } = useTranslation('rules')
  const { t: common } = useTranslation()
  const { scope } = form.values
  return (
    <Fieldset variant="unstyled" disabled={disabled}>
      <Stack>
        <TextInput
          label={t('field.name')}
          required
          maxLength={200}
          autoFocus={isNew}
          {...form.getInputProps('name')}
        />
        <SegmentedControl
          aria-label={t('field.scope')}
          value={scope}
          onChange={(value) => form.setFieldValue('scope', value)}
          data={(['machine', 'model'] as const).map((value) => ({
            value,
            label: t(`field.${value}Scope`),
          }))}
        />
        {scope === 'machine' ? (
          <MachineSelect
            label={t('field.machine')}
            required
            {...form.getInputProps('machine_id')}
            value={form.values.machine_id}
            onChange={(id) => form.setFieldValue('machine_id', id)}
          />
        ) : (
          <Model form={form} machineId={machineId} onTry={onTry} />
        )}
        {machineId ? (
          <OfferedSignal form={form} machineId={machineId} />
        ) : (
          <TextInput
            label={t('field.signal')}
            required
            maxLength={256}
            {...form.getInputProps('signal')}
          />
        )}
        <Limits form={form} />
        <Select
          label={t('field.severity')}
          allowDeselect={false}
          data={(['critical', 'major', 'minor', 'warning'] as const).map((value) => ({
            value,
            label: common(`severity.${value}`),
          }))}
          {...form.getInputProps('severity')}
        />
        <TextInput
          label={t('field.message')}
          description={t('field.messageHint')}
          maxLength={500}
          {...form.getInputProps('message')}
        />
        <Switch
          label={t('field.enabled')}
          {...form.getInputProps('enabled', { type: 'checkbox' })}
        />
      </Stack>
    </Fieldset>
  )
}

function Model(props: Pick<RuleFieldsProps, 'form' | 'machineId' | 'onTry'>) {
  const { t } = useTranslation('rules')
  const { form, machineId, onTry } = props
  const { items } = useMachines()
  const models = [...new Set(items.map(({ model }) => model).filter((model) => !!model))].sort()
  return (
    <>
      <Autocomplete
        label={t('field.model')}
        description={t('field.modelHint')}
        required
        maxLength={100}
        data={models as string[]}
        {...form.getInputProps('model')}
      />
      <MachineSelect
        label={t('field.tryOn')}
        description={t('field.tryOnHint')}
        clearable
        clearButtonProps={{ 'aria-label': t('field.tryOnNone'), tabIndex: 0 }}
        value={machineId}
        onChange={onTry}
      />
    </>
  )
}

function OfferedSignal({ form, machineId }: { form: Form; machineId: string }) {
  const { t } = useTranslation('rules')
  const signals = useSignals(machineId)
  const numbers = (signals.data?.items ?? []).filter(({ kind }) => kind === 'number')
  return (
    <Autocomplete
      label={t('field.signal')}
      description={t('field.signalHint')}
      required
      maxLength={256}
      limit={200}
      data={numbers.map(({ signal }) => signal)}
      {...form.getInputProps('signal')}
    />
  )
}

function Limits({ form }: { form: Form }) {
  const { t } = useTranslation('rules')
  const number = (name: keyof typeof NUMBERS) => {
    const { value, onChange, error } = form.getInputProps(name) as ComponentProps<
      typeof NumberField
    >
    return { value, onChange, error, rules: NUMBERS[name] }
  }
  return (
    <>
      <SegmentedControl
        aria-label={t('field.direction')}
        value={form.values.direction}
        onChange={(value) => form.setFieldValue('direction', value)}
        data={(['above', 'below'] as const).map((value) => ({ value, label: t(`field.${value}`) }))}
      />
      <SimpleGrid cols={{ base: 1, xs: 2 }}>
        <NumberField label={t('field.limit')} {...number('limit')} />
        <NumberField label={t('field.hold')} unit="s" {...number('hold_s')} />
        <NumberField
          label={t('field.clearAt')}
          placeholder={t('field.clearAtNone')}
          {...number('clear_at')}
        />
        <NumberField label={t('field.clearHold')} unit="s" {...number('clear_hold_s')} />
      </SimpleGrid>
    </>
  )
}
