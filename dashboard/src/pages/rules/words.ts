import { useTranslation } from 'react-i18next'
import { useFormat } from '../../format/use'
import type { RuleForm } from './form'
import type { Condition } from './tree/draft'
import { useConditionWords } from './tree/words'

type Threshold = Extract<Condition, { kind: 'threshold' }>

/** What a rule does, in sentences. */
export function useRuleWords() {
  const { t } = useTranslation('rules')
  const { t: common } = useTranslation()
  const format = useFormat()
  const condition = useConditionWords()
  /** When the alarm of a plain limit ends. */
  const clears = ({ above, below, clear_at, clear_hold_s }: Threshold): string | undefined => {
    const back = clear_at ?? above ?? below
    if (typeof back !== 'number') return undefined
    const hold = clear_hold_s ?? 0
    const texts = { limit: format.number(back), hold: format.duration(hold * 1000) }
    const isAbove = above != null
    if (hold > 0) return t(isAbove ? 'words.backBelowFor' : 'words.backAboveFor', texts)
    return t(isAbove ? 'words.backBelow' : 'words.backAbove', texts)
  }
  return {
    /** What it watches. */
    condition,
    /** All that it does. */
    sentence: (form: RuleForm, of: Condition, whose: string): string => {
      const end = of.kind === 'threshold' ? clears(of) : undefined
      const texts = { condition: condition(of), whose }
      const severity = common(`severity.${form.severity}`)
      const text =
        of.kind === 'levels'
          ? t('words.levels', texts)
          : end === undefined
            ? t('words.other', { ...texts, severity })
            : t('words.sentence', { ...texts, severity, end })
      return form.enabled ? text : `${text} ${t('words.off')}`
    },
  }
}
