import { useForm } from '@mantine/form'
import { type FormEvent, useMemo, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { useNavigate } from 'react-router'
import { ProblemError, troubleOf } from '../../api/problem'
import { useSaveRule } from '../../api/rules'
import { useSubmitKey } from '../../api/submit-key'
import type { Rule, RuleInput } from '../../api/types'
import { useNumberText } from '../../components/number'
import { useNotify, useTroubleText } from '../../components/trouble'
import { EMPTY, fromRule, objectionsOf, type RuleForm, toInput } from './form'
import { type Problem, problemsOf } from './tree/check'
import { type Draft, firstDraft } from './tree/draft'
import { draftOf } from './tree/read'
import { toCondition } from './tree/write'

type Texts = Record<string, string>
const NO_TEXTS: Texts = {}

/** The machine on which a rule of this model was wanted to be tried. */
export interface Tried {
  model: string
  machineId: string
}

export type Editor = ReturnType<typeof useRuleEditor>

/** A rule while it is edited: its own fields, its condition, and what is wrong with both. */
export function useRuleEditor(rule: Rule | undefined, onSaved?: (rule: Rule) => void) {
  const { t, i18n } = useTranslation('rules')
  const { t: common } = useTranslation()
  const { language } = i18n
  const needed = common('signIn.required')
  const form = useForm<RuleForm>({
    initialValues: rule ? fromRule(rule) : EMPTY,
    validate: {
      name: (name) => (name.trim() ? null : needed),
      machine_id: (id, { scope }) =>
        scope === 'machine' && !id ? t('field.machineMissing') : null,
      model: (model, { scope }) => (scope === 'model' && !model.trim() ? needed : null),
    },
  })
  const [draft, setDraft] = useState<Draft>(() =>
    rule ? draftOf(rule.condition, language) : firstDraft(),
  )
  const [tried, setTried] = useState<Tried>()
  /** What the platform found wrong with the condition as it is. */
  const [refused, setRefused] = useState<Texts>(NO_TEXTS)
  /** Whether all that is missing is told, not only what is wrong. */
  const [wasSent, setSent] = useState(false)
  const problems = useMemo(() => problemsOf(draft, language), [draft, language])
  const textOf = useProblemText()
  const errors: Texts = { ...refused }
  for (const [at, problem] of problems) {
    if (wasSent || problem.kind === 'json') errors[at] = textOf(problem)
  }
  const condition = useMemo(
    () => (problems.size === 0 ? toCondition(draft, language) : undefined),
    [problems, draft, language],
  )
  const change = (next: Draft) => {
    setDraft(next)
    setRefused(NO_TEXTS)
  }
  /** Puts the platform's objections at their fields; gives those that have none. */
  const object = (fields: Texts): string[] => {
    const { own, tree, others } = objectionsOf(fields, draft)
    form.setErrors(own)
    setRefused(tree)
    return others
  }
  const input = condition && toInput(form.values, condition)
  const saving = useSave({ rule, onSaved, input, object })
  const whenValid = form.onSubmit(() => {
    if (input) void saving.save()
  })
  const submit = (event: FormEvent<HTMLFormElement>) => {
    setSent(true)
    whenValid(event)
  }
  return {
    ...{ form, draft, change, condition, errors, tried, setTried, submit },
    /** The rule as it would be saved; nothing while that can't be said. */
    input: input && hasWhom(input) ? input : undefined,
    problem: saving.problem,
    isSaving: saving.isSaving,
  }
}

function hasWhom({ machine_id, model }: RuleInput): boolean {
  return !!machine_id || !!model
}

interface SaveProps {
  rule: Rule | undefined
  onSaved: ((rule: Rule) => void) | undefined
  input: RuleInput | undefined
  object: (fields: Texts) => string[]
}

function useSave({ rule, onSaved, input, object }: SaveProps) {
  const { t } = useTranslation('rules')
  const navigate = useNavigate()
  const notify = useNotify()
  const troubleText = useTroubleText()
  const mutation = useSaveRule()
  const { key, onRefused } = useSubmitKey()
  const [problem, setProblem] = useState<string>()
  const save = async () => {
    if (!input) return
    setProblem(undefined)
    try {
      const saved = await mutation.mutateAsync({ rule, body: input, key })
      notify.done(t('saved', { name: saved.name }))
      onSaved?.(saved as Rule)
      if (!rule) await navigate('/rules')
    } catch (error) {
      onRefused(error)
      if (error instanceof ProblemError && Object.keys(error.fields).length > 0) {
        const others = object(error.fields)
        setProblem(others.length > 0 ? others.join('; ') : undefined)
      } else {
        setProblem(troubleOf(error) === 'changed' ? t('changedSave') : troubleText(error))
      }
    }
  }
  return { save, problem, isSaving: mutation.isPending }
}

/** What is wrong at a field of the condition. */
function useProblemText(): (problem: Problem) => string {
  const { t } = useTranslation('conditions')
  const { t: common } = useTranslation()
  const numberText = useNumberText()
  return (problem) => {
    switch (problem.kind) {
      case 'number':
        return numberText(problem.problem, problem.entered, problem.rules)
      case 'json':
        return t('error.json', { text: problem.text })
      case 'time':
      case 'parameter':
        return t(`error.${problem.kind}`, { value: problem.value })
      case 'missing':
        return common('signIn.required')
      default:
        return t(`error.${problem.kind}`)
    }
  }
}
