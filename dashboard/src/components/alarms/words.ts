/** Alarms in words. */
import { useTranslation } from 'react-i18next'
import type { Alarm } from '../../api/types'
import { useMadeWords } from './madeWords'

type Worded = Pick<Alarm, 'origin' | 'message' | 'code'> & Partial<Pick<Alarm, 'context'>>

/** What is wrong: the machine's own words, the rule's, or that the machine isn't heard. */
export function useAlarmWords(): (alarm: Worded) => string {
  const { t } = useTranslation('alarms')
  const made = useMadeWords()
  return (alarm) => {
    if (alarm.origin === 'contact') return t('contactLost')
    // A fault's context is its machine's, and says nothing of the message.
    const own = alarm.origin === 'rule' ? made(alarm.context ?? {}) : undefined
    const words = own || alarm.message
    if (words) return words
    return alarm.origin === 'rule' ? t('unnamedRule') : alarm.code
  }
}

/** Why nobody may clear it by hand; undefined when they may. */
export function keptBy(alarm: Pick<Alarm, 'origin'>): 'rule' | 'contact' | undefined {
  return alarm.origin === 'fault' ? undefined : alarm.origin
}

/** Whether it is put aside at this time, in Unix milliseconds. */
export function isShelved(alarm: Pick<Alarm, 'shelved_until'>, now: number): boolean {
  return !!alarm.shelved_until && Date.parse(alarm.shelved_until) > now
}

/** Unacknowledged first, then the worst, then the newest. */
export function byUrgency(a: Alarm, b: Alarm): number {
  return (
    Number(a.acknowledged) - Number(b.acknowledged) ||
    SEVERITIES.indexOf(a.severity) - SEVERITIES.indexOf(b.severity) ||
    Date.parse(b.raised_at) - Date.parse(a.raised_at)
  )
}

/** The worst first. */
export const SEVERITIES = ['critical', 'major', 'minor', 'warning', 'indeterminate'] as const
