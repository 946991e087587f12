/** Formats in the language that is chosen. */
import { useTranslation } from 'react-i18next'
import { useMemo, useSyncExternalStore } from 'react'
import * as format from './format'

export function useFormat() {
  const { i18n } = useTranslation()
  const language = i18n.language
  return useMemo(
    () => ({
      language,
      dateTime: (moment: format.Moment | null | undefined) => format.dateTime(moment, language),
      date: (moment: format.Moment | null | undefined) => format.date(moment, language),
      timeOfDay: (moment: format.Moment | null | undefined) => format.timeOfDay(moment, language),
      clock: (moment: format.Moment, seconds: boolean) => format.clock(moment, language, seconds),
      dayMonth: (moment: format.Moment) => format.dayMonth(moment, language),
      relative: (moment: format.Moment | null | undefined, now: number) =>
        format.relative(moment, now, language),
      duration: (ms: number) => format.duration(ms, language),
      number: (value: number, decimals?: number) => format.number(value, language, decimals),
      measured: (value: unknown, unit?: string | null) => format.measured(value, unit, language),
      bytes: (count: number) => format.bytes(count, language),
    }),
    [language],
  )
}

const tick = { now: Date.now(), listeners: new Set<() => void>(), timer: 0 }

function subscribe(listener: () => void): () => void {
  tick.listeners.add(listener)
  if (tick.listeners.size === 1) {
    tick.now = Date.now()
    tick.timer = window.setInterval(() => {
      tick.now = Date.now()
      tick.listeners.forEach((each) => each())
    }, 1000)
  }
  return () => {
    tick.listeners.delete(listener)
    if (tick.listeners.size === 0) clearInterval(tick.timer)
  }
}

/** The time, in Unix milliseconds, new every second while the component is shown. One timer for all. */
export function useNow(): number {
  return useSyncExternalStore(subscribe, () => tick.now)
}
