import { useTranslation } from 'react-i18next'
import { useFormat } from '../../format/use'
import type { Cause } from './explain'

/** A condition that was true, in a sentence. */
export function useCauseWords(): (cause: Cause, unitOf: (signal: string) => string) => string {
  const { t } = useTranslation('alarms')
  const { t: common } = useTranslation()
  const format = useFormat()
  function valueOf(value: unknown): string {
    if (typeof value === 'boolean') return common(`boolean.${value ? 'true' : 'false'}`)
    if (Array.isArray(value)) return value.map(valueOf).join(' → ')
    return format.measured(value)
  }
  return (cause, unitOf) => {
    const { kind, what, from = '', per = 'minute' } = cause
    const unit = cause.isPercent ? '%' : unitOf(what)
    const time = format.duration((cause.seconds ?? 0) * 1000)
    const held = (text: string) => ((cause.seconds ?? 0) > 0 ? t('why.held', { text, time }) : text)
    const value = valueOf(cause.value)
    const measured = typeof cause.value === 'number' ? format.measured(cause.value, unit) : value
    const limit = cause.limit === undefined ? '–' : format.measured(cause.limit, unit)
    const plain = cause.limit === undefined ? '–' : format.number(cause.limit)
    switch (kind) {
      case 'threshold': {
        const texts = { what, value: measured, limit }
        return held(t(cause.side === 'below' ? 'why.below' : 'why.above', texts))
      }
      case 'rate':
        return t('why.rate', { what, value: measured, limit, per: t(`why.per.${per}`), time })
      case 'deviation':
        return t('why.deviation', { what, from, value: measured, limit })
      case 'count':
        return t('why.count', { what, value, limit: plain, time })
      case 'state':
        if (cause.value === undefined) return held(t('why.otherState', { what }))
        return held(t('why.state', { what, value }))
      case 'missing':
        return t('why.missing', { what, time })
      case 'sequence':
        return t('why.sequence', { what, value })
      case 'order':
        return t('why.order', { what })
    }
  }
}
