import {
  ActionIcon,
  Button,
  Checkbox,
  Group,
  SimpleGrid,
  Stack,
  Text,
  TextInput,
} from '@mantine/core'
import { IconPlus, IconX } from '@tabler/icons-react'
import { useTranslation } from 'react-i18next'
import { useMachineName } from '../../../api/names'
import type { Rule } from '../../../api/types'
import { MachineSelect } from '../../../components/MachineSelect'
import { NumberField } from '../../../components/NumberField'
import { Said } from '../../../components/Said'
import { newPartKey } from '../tree/draft'
import {
  type FailureEntry,
  FAILURES_MAX,
  type HistoryForm,
  LEAD,
  MACHINES_MAX,
} from './historyForm'
import classes from './history.module.css'

interface HistoryFieldsProps {
  form: HistoryForm
  change: (more: Partial<HistoryForm>) => void
  /** The machine that is meant when none is named. */
  machineId: string | null
  rule: Rule | undefined
}

/** The time, the machines, and what is known to have failed. */
export function HistoryFields({ form, change, machineId, rule }: HistoryFieldsProps) {
  const { t } = useTranslation('backtests')
  const day = (field: 'from' | 'to') => (
    <TextInput
      type="date"
      label={t(`history.${field}`)}
      required
      value={form[field]}
      onChange={(event) => change({ [field]: event.currentTarget.value })}
    />
  )
  return (
    <Stack gap="sm">
      <SimpleGrid cols={{ base: 1, xs: 2 }} spacing="xs">
        {day('from')}
        {day('to')}
      </SimpleGrid>
      <Machines form={form} change={change} />
      <Failures form={form} change={change} machineId={machineId} />
      {rule && (
        <Checkbox
          label={t('history.compare')}
          checked={form.isCompared}
          onChange={(event) => change({ isCompared: event.currentTarget.checked })}
        />
      )}
    </Stack>
  )
}

type PartProps = Pick<HistoryFieldsProps, 'form' | 'change'>

function Machines({ form, change }: PartProps) {
  const { t } = useTranslation('backtests')
  const { machineIds } = form
  const add = (id: string | null) => {
    if (id && !machineIds.includes(id)) change({ machineIds: [...machineIds, id] })
  }
  return (
    <div>
      <MachineSelect
        // Chosen machines stand below; the field begins anew.
        key={machineIds.length}
        autoFocus={machineIds.length > 0}
        label={t('history.machines')}
        description={t('history.machinesHint', { count: MACHINES_MAX })}
        disabled={machineIds.length >= MACHINES_MAX}
        value={null}
        onChange={add}
      />
      <Group gap={6} mt={6}>
        {machineIds.map((id) => (
          <ChosenMachine
            key={id}
            id={id}
            onRemove={() => change({ machineIds: machineIds.filter((each) => each !== id) })}
          />
        ))}
      </Group>
    </div>
  )
}

function ChosenMachine({ id, onRemove }: { id: string; onRemove: () => void }) {
  const { t } = useTranslation('backtests')
  const name = useMachineName(id) ?? id
  return (
    <Button
      size="compact-sm"
      variant="default"
      rightSection={<IconX size={14} />}
      aria-label={t('history.removeMachine', { name })}
      onClick={onRemove}
    >
      <Said>{name}</Said>
    </Button>
  )
}

function Failures({ form, change, machineId }: PartProps & { machineId: string | null }) {
  const { t } = useTranslation('backtests')
  const { failures } = form
  const replace = (key: string, more: Partial<FailureEntry>) =>
    change({ failures: failures.map((each) => (each.key === key ? { ...each, ...more } : each)) })
  const first = form.machineIds[0] ?? machineId
  const add = () =>
    change({ failures: [...failures, { key: newPartKey(), machineId: first, at: '', name: '' }] })
  return (
    <Stack gap="xs" role="group" aria-label={t('history.failures')}>
      <Text size="sm" fw={550}>
        {t('history.failures')}
      </Text>
      <Text size="sm" c="dimmed">
        {t('history.failuresHint')}
      </Text>
      {failures.map((failure, place) => (
        <FailureRow
          key={failure.key}
          failure={failure}
          number={place + 1}
          onChange={(more) => replace(failure.key, more)}
          onRemove={() => change({ failures: failures.filter(({ key }) => key !== failure.key) })}
        />
      ))}
      <Group gap="sm" align="flex-end">
        {failures.length < FAILURES_MAX && (
          <Button size="xs" variant="default" leftSection={<IconPlus size={14} />} onClick={add}>
            {t('history.addFailure')}
          </Button>
        )}
        {failures.length > 0 && (
          <NumberField
            label={t('history.lead')}
            unit="h"
            rules={LEAD}
            value={form.leadHours}
            onChange={(leadHours) => change({ leadHours })}
          />
        )}
      </Group>
    </Stack>
  )
}

interface FailureRowProps {
  failure: FailureEntry
  number: number
  onChange: (more: Partial<FailureEntry>) => void
  onRemove: () => void
}

function FailureRow({ failure, number, onChange, onRemove }: FailureRowProps) {
  const { t } = useTranslation('backtests')
  return (
    <div className={classes.failure} role="group" aria-label={t('history.failure', { number })}>
      <MachineSelect
        label={t('history.failureMachine')}
        required
        value={failure.machineId}
        onChange={(machineId) => onChange({ machineId })}
      />
      <TextInput
        type="datetime-local"
        label={t('history.failureAt')}
        required
        value={failure.at}
        onChange={(event) => onChange({ at: event.currentTarget.value })}
      />
      <TextInput
        label={t('history.failureName')}
        maxLength={100}
        value={failure.name}
        onChange={(event) => onChange({ name: event.currentTarget.value })}
      />
      <ActionIcon
        variant="default"
        size="lg"
        aria-label={t('history.removeFailure', { number })}
        onClick={onRemove}
      >
        <IconX size={16} />
      </ActionIcon>
    </div>
  )
}
