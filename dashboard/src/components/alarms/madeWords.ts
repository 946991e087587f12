import { useTranslation } from 'react-i18next'
import { useCauseWords } from './causeWords'
import { causesOf, type Finding, findingsOf, madeOf } from './explain'
import { useFindingWords } from './findingWords'

/** So many findings stand in a message; the others on the alarm's page. */
const FINDINGS_MAX = 3

const noUnit = () => ''

/**
 * A message that the platform has made, in the reader's language: of its key and what goes with it.
 * Undefined or empty where the message itself is to be shown: it is a person's, or English as the
 * reader is, or what it was made of isn't understood.
 */
export function useMadeWords(): (context: object) => string | undefined {
  const { i18n } = useTranslation('alarms')
  const causeWords = useCauseWords()
  const findingWords = useFindingWords()
  const ofFindings = (findings: readonly Finding[]) => {
    const words = findings.slice(0, FINDINGS_MAX).map((finding) => findingWords(finding, ''))
    const isAspect = findings[0]?.aspect !== undefined
    return isAspect ? `${findings[0]?.signal ?? ''}: ${words.join('; ')}` : words.join('; ')
  }
  return (context) => {
    if (i18n.language === 'en') return undefined
    const made = madeOf(context)
    if (made === 'condition') {
      return causesOf(context)
        .map((cause) => causeWords(cause, noUnit))
        .join('; ')
    }
    return made === 'anomaly' ? ofFindings(findingsOf(context)) : undefined
  }
}
