/** Alarms in words. */
import { useTranslation } from 'react-i18next'
import type { Alarm } from '../../api/types'

/** What is wrong: the machine's own words, the rule's, or that the machine isn't heard. */
export function useAlarmWords(): (alarm: Pick<Alarm, 'origin' | 'message' | 'code'>) => string {
  const { t } = useTranslation('alarms')
  return (alarm) => {
    if (alarm.origin === 'contact') return t('contactLost')
    if (alarm.message) return alarm.message
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
