import { useTranslation } from 'react-i18next'
import { given } from '../../format/entered'
import { useFormat } from '../../format/use'
import type { RuleForm } from './form'

type Watched = Pick<
  RuleForm,
  'signal' | 'direction' | 'limit' | 'clear_at' | 'hold_s' | 'clear_hold_s'
>

/** What a rule does, in sentences. */
export function useRuleWords() {
  const { t } = useTranslation('rules')
  const { t: common } = useTranslation()
  const format = useFormat()
  const time = (seconds: number) => format.duration(seconds * 1000)
  const value = (number: number) => format.number(number)
  const raises = ({ signal, direction, limit, hold_s }: Watched): string | undefined => {
    const number = given(limit, format.language)
    if (!signal.trim() || number === undefined) return undefined
    const hold = given(hold_s, format.language) ?? 0
    const texts = { signal: signal.trim(), limit: value(number), hold: time(hold) }
    if (hold > 0) return t(direction === 'above' ? 'words.aboveFor' : 'words.belowFor', texts)
    return t(direction === 'above' ? 'words.above' : 'words.below', texts)
  }
  const clears = ({ direction, limit, clear_at, clear_hold_s }: Watched): string => {
    const back = given(clear_at, format.language) ?? given(limit, format.language) ?? 0
    const hold = given(clear_hold_s, format.language) ?? 0
    const texts = { limit: value(back), hold: time(hold) }
    if (hold > 0)
      return t(direction === 'above' ? 'words.backBelowFor' : 'words.backAboveFor', texts)
    return t(direction === 'above' ? 'words.backBelow' : 'words.backAbove', texts)
  }
  return {
    /** What it watches. */
    condition: raises,
    /** All that it does, or nothing while that can't be said. */
    sentence: (form: RuleForm, whose: string): string | undefined => {
      const condition = raises(form)
      if (!condition) return undefined
      const severity = common(`severity.${form.severity}`)
      const end = clears(form)
      const text = t('words.sentence', { condition, whose, severity, end })
      return form.enabled ? text : `${text} ${t('words.off')}`
    },
  }
}
