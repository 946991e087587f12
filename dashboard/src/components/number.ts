import { useTranslation } from 'react-i18next'
import {
  decimalSign,
  type Entered,
  enteredText,
  type NumberProblem,
  type NumberRules,
  readNumber,
} from '../format/entered'

/** So much of what was typed is quoted. */
const QUOTED_MAX = 40

/** What is wrong with a number that was typed: its value and the rule that it breaks. */
export function useNumberText(): (
  problem: NumberProblem,
  entered: Entered,
  rules: NumberRules,
) => string {
  const { t, i18n } = useTranslation()
  const { language } = i18n
  return (problem, entered, { min, max }) => {
    const typed = enteredText(entered, language).trim()
    const value = typed.length > QUOTED_MAX ? `${typed.slice(0, QUOTED_MAX)}…` : typed
    switch (problem) {
      case 'required':
        return t('number.required')
      case 'tooSmall':
        return t('number.tooSmall', { value, min: enteredText(min ?? 0, language) })
      case 'tooLarge':
        return t('number.tooLarge', { value, max: enteredText(max ?? 0, language) })
      case 'separators':
        return t('number.separators', { value, sign: decimalSign(language) })
      default:
        return t(`number.${problem}`, { value })
    }
  }
}

/** For a form's check: what is wrong with the number, or null. */
export function useNumberCheck(): (entered: Entered, rules: NumberRules) => string | null {
  const { i18n } = useTranslation()
  const text = useNumberText()
  return (entered, rules) => {
    const read = readNumber(entered, i18n.language, rules)
    return 'problem' in read ? text(read.problem, entered, rules) : null
  }
}
