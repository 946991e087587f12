/**
 * The preview of a rule: a backtest that begins a moment after the last change, is followed to its
 * end, and is canceled when it isn't wanted any more.
 */
import { useEffect, useState } from 'react'
import {
  cancelBacktest,
  createBacktest,
  FOLLOW_MS,
  getBacktest,
  isEnded,
} from '../../api/backtests'
import { troubleOf } from '../../api/problem'
import type { Backtest, BacktestInput } from '../../api/types'

export type Trial =
  /** There is nothing that could be tried. */
  | { state: 'none' }
  /** Somebody is still typing. */
  | { state: 'waiting' }
  | { state: 'running'; backtest: Backtest | undefined }
  /** Succeeded, failed or canceled. */
  | { state: 'ended'; backtest: Backtest }
  /** It couldn't be begun or followed. */
  | { state: 'failed'; error: unknown }

export interface Pace {
  /** So long nothing may be changed before it begins. */
  quietMs: number
  followMs: number
}
const PACE: Pace = { quietMs: 800, followMs: FOLLOW_MS }
/** So often in a row the platform may not answer; then it is given up. */
const TRIES_MAX = 10

/** Begins one. Returns how to stop: from then on nothing is told, and what runs is canceled. */
export function tryOut(
  input: BacktestInput,
  onChange: (trial: Trial) => void,
  pace: Pace = PACE,
): () => void {
  const stop = new AbortController()
  void run(input, (trial) => !stop.signal.aborted && onChange(trial), stop.signal, pace)
  return () => stop.abort()
}

async function run(
  input: BacktestInput,
  tell: (trial: Trial) => void,
  stop: AbortSignal,
  pace: Pace,
): Promise<void> {
  await pause(pace.quietMs, stop)
  if (stop.aborted) return
  tell({ state: 'running', backtest: undefined })
  let backtest: Backtest | undefined
  try {
    // Not given up when it is stopped meanwhile: without its id it couldn't be canceled.
    backtest = await createBacktest(input)
    while (!isEnded(backtest) && !stop.aborted) {
      tell({ state: 'running', backtest })
      await pause(pace.followMs, stop)
      if (!stop.aborted) backtest = await patiently(backtest.id, pace, stop)
    }
    tell({ state: 'ended', backtest })
  } catch (error) {
    tell({ state: 'failed', error })
  }
  if (stop.aborted && backtest && !isEnded(backtest)) {
    // Whether it was in time doesn't matter to anybody.
    await cancelBacktest(backtest.id).catch(() => undefined)
  }
}

/** Asks how far it is, again when the platform is away for a moment. */
async function patiently(id: string, pace: Pace, stop: AbortSignal): Promise<Backtest> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await getBacktest(id)
    } catch (error) {
      const passes = ['offline', 'busy'].includes(troubleOf(error))
      if (!passes || tries >= TRIES_MAX || stop.aborted) throw error
      await pause(pace.followMs, stop)
    }
  }
}

/** Ends at once when it is stopped. */
function pause(ms: number, stop: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (stop.aborted) return resolve()
    const timer = setTimeout(resolve, ms)
    stop.addEventListener(
      'abort',
      () => {
        clearTimeout(timer)
        resolve()
      },
      { once: true },
    )
  })
}

/** The trial of what is given, begun anew with each change; `again` begins it anew without one. */
export function useTrial(input: BacktestInput | undefined): { trial: Trial; again: () => void } {
  const [round, setRound] = useState(0)
  const key = input && JSON.stringify({ round, input })
  const [told, setTold] = useState<{ key: string; trial: Trial }>()
  useEffect(() => {
    if (key === undefined) return undefined
    const wanted = (JSON.parse(key) as { input: BacktestInput }).input
    return tryOut(wanted, (trial) => setTold({ key, trial }))
  }, [key])
  const again = () => setRound((before) => before + 1)
  if (key === undefined) return { trial: { state: 'none' }, again }
  return { trial: told?.key === key ? told.trial : { state: 'waiting' }, again }
}
