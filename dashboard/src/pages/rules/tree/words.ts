import { useTranslation } from 'react-i18next'
import { useFormat } from '../../../format/use'
import { type Condition, WEEKDAYS } from './draft'
import type { StateValue } from './write'

type Threshold = Extract<Condition, { kind: 'threshold' }>
type Schedule = Extract<Condition, { kind: 'schedule' }>

/** Figures of a condition in the reader's language. */
function useFigures() {
  const { t } = useTranslation('conditions')
  const { t: common } = useTranslation()
  const format = useFormat()
  const time = (seconds: number | undefined) => format.duration((seconds ?? 0) * 1000)
  const limit = (of: Threshold['above']): string => {
    if (of == null) return '…'
    if (typeof of === 'number') return format.number(of)
    return t('words.parameter', { name: of.parameter, number: format.number(of.default) })
  }
  const value = (of: StateValue) => {
    if (typeof of === 'number') return format.number(of)
    return typeof of === 'boolean' ? common(`boolean.${of ? 'true' : 'false'}`) : of
  }
  const values = (of: readonly StateValue[] | undefined) => (of ?? []).map(value).join(', ')
  return { time, limit, value, values }
}

/** What a condition watches, as a part of a sentence. */
export function useConditionWords(): (condition: Condition) => string {
  const { t } = useTranslation('conditions')
  const { t: common } = useTranslation()
  const { time, limit, value, values } = useFigures()
  const oneOf = (of: readonly StateValue[] | undefined) =>
    of?.length === 1 ? values(of) : t('words.is', { values: values(of) })
  const noneOf = (of: readonly StateValue[] | undefined) =>
    t(of?.length === 1 ? 'words.not' : 'words.isNot', { values: values(of) })
  const held = (text: string, hold: number | undefined) =>
    (hold ?? 0) > 0 ? t('words.held', { text, hold: time(hold) }) : text
  const beyond = (of: Pick<Threshold, 'above' | 'below'>) =>
    of.above == null
      ? t('words.below', { limit: limit(of.below) })
      : t('words.above', { limit: limit(of.above) })

  const schedule = (it: Schedule) => {
    const days = WEEKDAYS.filter((day) => it.weekdays?.includes(day)).map((day) =>
      t(`weekday.${day}`),
    )
    const when = days.length > 0 ? days.join(', ') : t('words.daily')
    const texts = { when, from: it.from ?? '00:00', to: it.to ?? '24:00' }
    return t(it.outside ? 'words.outside' : 'words.schedule', texts)
  }
  const leaf = (it: Condition): string => {
    switch (it.kind) {
      case 'threshold':
        return t('words.threshold', { signal: it.signal, beyond: beyond(it) })
      case 'rate': {
        const per = t(`words.per.${it.per}`)
        const texts = { signal: it.signal, beyond: beyond(it), per, window: time(it.window_s) }
        return t('words.rate', texts)
      }
      case 'deviation': {
        const unit = it.measure === 'percent' ? t('words.percent') : ''
        const texts = { signal: it.signal, from: it.from, limit: limit(it.above), unit }
        return t('words.deviation', texts)
      }
      case 'count': {
        const what = (it.is?.length ?? 0) > 0 ? oneOf(it.is) : beyond(it)
        const texts = { signal: it.signal, what, count: it.at_least, window: time(it.window_s) }
        return t('words.count', texts)
      }
      case 'state': {
        const isNot = (it.is_not?.length ?? 0) > 0
        const what = isNot ? noneOf(it.is_not) : oneOf(it.is)
        return t('words.state', { signal: it.signal, what })
      }
      case 'missing': {
        const texts = { what: it.event ?? it.signal ?? '', time: time(it.for_s) }
        if (it.event != null) return t('words.noEvent', texts)
        return t(it.of === 'change' ? 'words.noChange' : 'words.noValue', texts)
      }
      case 'sequence': {
        const states = it.states.map(value).join(' → ')
        return t('words.sequence', { signal: it.signal, states, window: time(it.within_s) })
      }
      case 'order':
        return t('words.order', { signal: it.signal })
      case 'schedule':
        return schedule(it)
      case 'anomaly':
        return t('words.anomaly', { signals: it.signals.join(', ') })
      default:
        return t('words.other', { kind: String((it as { kind?: unknown }).kind ?? '?') })
    }
  }
  function say(it: Condition, isInside: boolean): string {
    switch (it.kind) {
      case 'all':
      case 'any': {
        const parts = it.conditions.map((each) => say(each, true))
        const joined = parts.join(` ${t(`words.join.${it.kind}`)} `)
        const text = isInside && parts.length > 1 ? `(${joined})` : joined
        return held(text, it.hold_s)
      }
      case 'while': {
        const texts = { condition: say(it.condition, true), gate: say(it.while, true) }
        return t('words.while', texts)
      }
      case 'levels':
        return it.levels
          .map(({ severity, condition }) => {
            return `${common(`severity.${severity}`)}: ${say(condition, true)}`
          })
          .join('; ')
      case 'threshold':
      case 'rate':
      case 'deviation':
      case 'state':
        return held(leaf(it), it.hold_s)
      default:
        return leaf(it)
    }
  }
  return (condition) => {
    try {
      return say(condition, false)
    } catch {
      // What was typed as JSON may be anything.
      return t('words.other', { kind: String(condition.kind ?? '?') })
    }
  }
}
