import { useEffect, useMemo, useState } from 'react'
import { useTelemetry } from '../../../api/machines'
import type { Signal, TelemetrySeries } from '../../../api/types'
import { refreshMs, type Shown, spanMs } from './span'

/** Changes of a state that are asked for; more in one time aren't readable. */
const CHANGES_MAX = 2_000
const NONE: TelemetrySeries[] = []

/** What the chart shows from the platform's memory, asked for again now and then while it moves. */
export function useHistory(
  machineId: string,
  signals: readonly Signal[],
  shown: Shown,
  options: { points: number; isPaused: boolean },
) {
  const [until, setUntil] = useState(() => Date.now())
  const ms = shown.kind === 'last' ? spanMs(shown.span) : undefined
  const isMoving = ms !== undefined && !options.isPaused
  useEffect(() => {
    if (!isMoving) return
    const timer = setInterval(() => setUntil(Date.now()), refreshMs(ms))
    return () => clearInterval(timer)
  }, [isMoving, ms])
  const range =
    shown.kind === 'fixed'
      ? { from: shown.from, to: shown.to }
      : { from: until - (ms ?? 0), to: until }
  const isState = ({ kind }: Signal) => kind === 'boolean' || kind === 'text'
  const names = (all: readonly Signal[]) => all.map(({ signal }) => signal)
  const numbers = useTelemetry(machineId, {
    signals: names(signals.filter((signal) => !isState(signal))),
    points: options.points,
    ...range,
  })
  const states = useTelemetry(machineId, {
    signals: names(signals.filter(isState)),
    points: CHANGES_MAX,
    ...range,
  })
  const series = useMemo(
    // The client's types make arrays of the points' tuples.
    () =>
      [...(numbers.data?.series ?? NONE), ...(states.data?.series ?? NONE)] as TelemetrySeries[],
    [numbers.data, states.data],
  )
  return {
    series,
    /** What is shown is of an earlier choice while the new is on its way. */
    isLoading: numbers.isFetching && (numbers.isPending || numbers.isPlaceholderData),
    error: numbers.error ?? states.error,
    refetch: () => {
      void numbers.refetch()
      void states.refetch()
    },
    /** Asks for the history up to now. */
    renew: () => setUntil(Date.now()),
  }
}
