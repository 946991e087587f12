import {
  Autocomplete,
  Fieldset,
  SegmentedControl,
  Select,
  Stack,
  Switch,
  TextInput,
} from '@mantine/core'
import { useTranslation } from 'react-i18next'
import { useMachines } from '../../api/machines'
import type { Signal } from '../../api/types'
import { MachineSelect } from '../../components/MachineSelect'
import { ConditionEditor } from './tree/ConditionEditor'
import { RULE_SEVERITIES } from './tree/draft'
import type { Editor } from './useRuleEditor'

const SEVERITIES = [...RULE_SEVERITIES].reverse()

interface RuleFieldsProps {
  editor: Editor
  /** What the preview was refused for, at the condition's fields. */
  objections: Readonly<Record<string, string>>
  signals: readonly Signal[]
  isNew: boolean
  disabled: boolean
}

export function RuleFields({ editor, objections, signals, isNew, disabled }: RuleFieldsProps) {
  const { t } = useTranslation('rules')
  const { t: common } = useTranslation()
  const { form, draft, change, errors } = editor
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
        <Whom editor={editor} />
        <ConditionEditor
          value={draft}
          onChange={change}
          errors={{ ...objections, ...errors }}
          signals={signals}
        />
        {draft.kind !== 'levels' && (
          <Select
            label={t('field.severity')}
            allowDeselect={false}
            data={SEVERITIES.map((value) => ({ value, label: common(`severity.${value}`) }))}
            {...form.getInputProps('severity')}
          />
        )}
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

/** One machine, or all of a model. */
function Whom({ editor: { form } }: { editor: Editor }) {
  const { t } = useTranslation('rules')
  const { scope } = form.values
  return (
    <>
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
        <Model form={form} />
      )}
    </>
  )
}

function Model({ form }: Pick<Editor, 'form'>) {
  const { t } = useTranslation('rules')
  const { items } = useMachines()
  const models = [...new Set(items.map(({ model }) => model).filter((model) => !!model))].sort()
  return (
    <Autocomplete
      label={t('field.model')}
      description={t('field.modelHint')}
      required
      maxLength={100}
      data={models as string[]}
      {...form.getInputProps('model')}
    />
  )
}
