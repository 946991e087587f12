import { useTranslation } from 'react-i18next'
import { useFormat } from '../../format/use'
import type { Finding } from './explain'

/** What a rule that learns has found, in a sentence; as it was told where it isn't understood. */
export function useFindingWords(): (finding: Finding, unit: string) => string {
  const { t } = useTranslation('alarms')
  const format = useFormat()
  return (finding, unit) => {
    const { aspect, name, sigmas, text } = finding
    if (finding.observed === undefined || finding.expected === undefined) return text
    const isAbove = finding.observed >= finding.expected
    const observed = format.measured(finding.observed, unit)
    const expected = format.measured(finding.expected, unit)
    const spread = format.measured(finding.spread ?? 0, unit)
    switch (aspect) {
      case 'level':
        return t('why.finding.level', { observed, expected, spread })
      case 'range':
        return t(isAbove ? 'why.finding.rangeAbove' : 'why.finding.rangeBelow', {
          observed,
          expected,
        })
      case 'season':
        return t('why.finding.season', { observed, expected, spread })
      case 'jump':
        return t('why.finding.jump', { observed, expected })
      case 'spread':
        return t('why.finding.spread', { observed, expected })
      case 'shape':
        return t('why.finding.shape', { observed: format.number(finding.observed) })
      case undefined: {
        // An aspect of a newer platform isn't a signal.
        if (finding.signal !== name) return text
        const far = sigmas === undefined ? '' : format.number(Math.abs(sigmas), 1)
        if (!far) return t('why.finding.signal', { name, observed, expected })
        const key = isAbove ? 'why.finding.signalAbove' : 'why.finding.signalBelow'
        return t(key, { name, observed, expected, sigmas: far })
      }
    }
  }
}
