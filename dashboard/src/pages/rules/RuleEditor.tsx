import { Alert, Button, Group, Stack, Text } from '@mantine/core'
import { useForm } from '@mantine/form'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { Link, useNavigate } from 'react-router'
import { useMachineName } from '../../api/fleet'
import { useMay } from '../../api/people'
import { ProblemError, troubleOf } from '../../api/problem'
import { useSaveRule } from '../../api/rules'
import { useSubmitKey } from '../../api/submit-key'
import type { Rule } from '../../api/types'
import { useNumberCheck } from '../../components/number'
import { useNotify, useTroubleText } from '../../components/trouble'
import { EMPTY, errorsOf, fromRule, NUMBERS, type RuleForm, toInput } from './form'
import { Preview } from './Preview'
import { RuleFields } from './RuleFields'
import { useRuleWords } from './words'

interface RuleEditorProps {
  /** The rule as it was read; without one a new one is made. */
  rule?: Rule
  onSaved?: (rule: Rule) => void
}

export function RuleEditor({ rule, onSaved }: RuleEditorProps) {
  const { t } = useTranslation('rules')
  const { t: common } = useTranslation()
  const may = useMay()
  const { form, submit, problem, isSaving } = useRuleForm(rule, onSaved)
  const [tried, setTried] = useState<string | null>(null)
  const mayWrite = may('rules.write')
  const values = form.values
  const machineId = values.scope === 'machine' ? values.machine_id : tried
  return (
    <form onSubmit={submit} noValidate>
      <Stack maw={860}>
        {!mayWrite && <Text c="dimmed">{t('mayNot')}</Text>}
        <RuleFields
          form={form}
          machineId={machineId}
          onTry={setTried}
          isNew={!rule}
          disabled={!mayWrite}
        />
        <Sentence values={values} />
        {machineId && <Preview machineId={machineId} form={values} />}
        <div aria-live="assertive">
          {problem && (
            <Alert color="red" variant="outline">
              {problem}
            </Alert>
          )}
        </div>
        <Group justify="flex-end">
          <Button variant="default" component={Link} to="/rules">
            {common('action.back')}
          </Button>
          {mayWrite && (
            <Button type="submit" loading={isSaving}>
              {common('action.save')}
            </Button>
          )}
        </Group>
      </Stack>
    </form>
  )
}

function Sentence({ values }: { values: RuleForm }) {
  const { t } = useTranslation('rules')
  const words = useRuleWords()
  const name = useMachineName(values.scope === 'machine' ? values.machine_id : undefined)
  const whose =
    values.scope === 'machine'
      ? (name ?? t('words.machine'))
      : t('words.model', { model: values.model || '…' })
  return (
    <Alert variant="outline" color="petrol" title={t('words.title')} role="status">
      {words.sentence(values, whose) ?? t('words.missing')}
    </Alert>
  )
}

function useRuleForm(rule: Rule | undefined, onSaved: ((rule: Rule) => void) | undefined) {
  const { t, i18n } = useTranslation('rules')
  const { t: common } = useTranslation()
  const check = useNumberCheck()
  const navigate = useNavigate()
  const notify = useNotify()
  const troubleText = useTroubleText()
  const save = useSaveRule()
  const { key, onRefused } = useSubmitKey()
  const [problem, setProblem] = useState<string>()
  const needed = common('signIn.required')
  const form = useForm<RuleForm>({
    initialValues: rule ? fromRule(rule) : EMPTY,
    validate: {
      name: (name) => (name.trim() ? null : needed),
      machine_id: (id, { scope }) =>
        scope === 'machine' && !id ? t('field.machineMissing') : null,
      model: (model, { scope }) => (scope === 'model' && !model.trim() ? needed : null),
      signal: (signal) => (signal.trim() ? null : needed),
      limit: (entered) => check(entered, NUMBERS.limit),
      clear_at: (entered) => check(entered, NUMBERS.clear_at),
      hold_s: (entered) => check(entered, NUMBERS.hold_s),
      clear_hold_s: (entered) => check(entered, NUMBERS.clear_hold_s),
    },
  })
  const submit = form.onSubmit(async (values) => {
    setProblem(undefined)
    try {
      const saved = await save.mutateAsync({ rule, body: toInput(values, i18n.language), key })
      notify.done(t('saved', { name: saved.name }))
      onSaved?.(saved)
      if (!rule) await navigate('/rules')
    } catch (error) {
      onRefused(error)
      if (error instanceof ProblemError && Object.keys(error.fields).length > 0) {
        const { errors, others } = errorsOf(error.fields)
        form.setErrors(errors)
        setProblem(others.length > 0 ? others.join('; ') : undefined)
      } else {
        setProblem(troubleOf(error) === 'changed' ? t('changedSave') : troubleText(error))
      }
    }
  })
  return { form, submit, problem, isSaving: save.isPending }
}
