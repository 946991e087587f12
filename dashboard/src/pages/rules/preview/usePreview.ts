import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { ProblemError } from '../../../api/problem'
import type { BacktestInput, Rule } from '../../../api/types'
import { objectionsOf } from '../form'
import { useTrial } from '../trial'
import type { Editor } from '../useRuleEditor'

const HOUR_MS = 3_600_000
/** How far back it is tried. */
export const SPANS = { day: 24 * HOUR_MS, week: 168 * HOUR_MS, month: 720 * HOUR_MS } as const
export type Span = keyof typeof SPANS

const NAME_MAX = 200
const NO_OBJECTIONS: Readonly<Record<string, string>> = {}

export type RulePreview = ReturnType<typeof usePreview>

interface PreviewProps {
  editor: Editor
  machineId: string | null
  /** The rule as it is saved. */
  rule: Rule | undefined
}

/** The rule as it is edited, tried on a machine's last time. */
export function usePreview({ editor, machineId, rule }: PreviewProps) {
  const { t } = useTranslation('rules')
  const [span, setSpan] = useState<Span>('day')
  const [to, setTo] = useState(() => Date.now())
  const [isCompared, setCompared] = useState(false)
  const from = to - SPANS[span]
  // Not what is typed as name and message: it changes nothing of what comes out.
  const name = t('preview.name', { name: rule?.name ?? t('new') }).slice(0, NAME_MAX)
  const against =
    rule && isCompared ? { against_rule_id: rule.id, against_version: rule.version } : {}
  const input: BacktestInput | undefined =
    editor.input && machineId
      ? {
          ...editor.input,
          ...{ name, message: undefined, enabled: true },
          backtest: {
            from: new Date(from).toISOString(),
            to: new Date(to).toISOString(),
            machine_ids: [machineId],
            preview: true,
            ...against,
          },
        }
      : undefined
  const { trial, again } = useTrial(input)
  const fields =
    trial.state === 'failed' && trial.error instanceof ProblemError
      ? trial.error.fields
      : NO_OBJECTIONS
  const { own, tree, others } = objectionsOf(fields, editor.draft)
  return {
    ...{ machineId, rule, span, setSpan, from, to, isCompared, setCompared, trial, again },
    upToNow: () => setTo(Date.now()),
    /** At the condition's fields. */
    objections: tree,
    /** What is refused but has no field there. */
    others: [...Object.values(own), ...others],
    hasObjections: Object.keys(tree).length > 0,
  }
}
