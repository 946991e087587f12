/** What a backtest found, as marks in the chart of one machine. Pure. */
import type { BacktestAlarm, BacktestMachine, BacktestResult } from '../../../api/types'
import type { ChartMark } from '../../../components/chart/series'
import { millis } from '../../../format/format'

type Run = BacktestResult['rule']

type Differences = NonNullable<BacktestResult['differences']>

/** What a rule is compared with: the editor knows that it is the saved version. */
export type ComparedWith = 'saved' | 'other'

export interface MarkWords {
  /** What an alarm says. */
  message: (alarm: BacktestAlarm) => string
  /** An alarm that only the edited rule would have raised. */
  onlyRule: (message: string) => string
  /** One that only the rule that it is compared with would have raised. */
  onlyAgainst: string
  failure: (name: string | null | undefined, isAnnounced: boolean) => string
}

export function machineOf(run: Run, machineId: string): BacktestMachine | undefined {
  return run.machines.find((machine) => machine.machine_id === machineId)
}

/**
 * Alarms with their severity, those of one side only called so as far as they are listed, and known
 * failures, at one machine. `from` is when the backtest begins, in Unix milliseconds.
 */
export function marksOf(
  result: BacktestResult,
  { machineId, from }: { machineId: string; from: number },
  words: MarkWords,
): ChartMark[] {
  const machine = machineOf(result.rule, machineId)
  const differing = result.differences?.machines.find((each) => each.machine_id === machineId)
  const only = new Set((differing?.only_rule ?? []).map((span) => millis(span.from)))
  // The time of an alarm that was active already is told from the beginning on.
  const isOnly = (alarm: BacktestAlarm) => only.has(Math.max(millis(alarm.from), from))
  const alarms = (machine?.alarms ?? []).map((alarm) => alarmMark(alarm, isOnly(alarm), words))
  const others = (differing?.only_against ?? []).map((span): ChartMark => {
    const [at, until] = [millis(span.from), millis(span.to)]
    return { kind: 'alarm', at, until, label: words.onlyAgainst, severity: 'indeterminate' }
  })
  const failures = result.rule.failures
    .filter((failure) => failure.machine_id === machineId)
    .map(({ at, name, announced_at }): ChartMark => {
      return { kind: 'failure', at: millis(at), label: words.failure(name, announced_at != null) }
    })
  return [...alarms, ...others, ...failures]
}

function alarmMark(alarm: BacktestAlarm, isOnly: boolean, words: MarkWords): ChartMark {
  const message = words.message(alarm)
  return {
    kind: 'alarm',
    at: millis(alarm.from),
    until: alarm.to == null ? undefined : millis(alarm.to),
    label: isOnly ? words.onlyRule(message) : message,
    severity: alarm.worst,
  }
}

/** How many differences of each side are listed, where these aren't all of them. */
export function listedOf({ machines, only_rule, only_against }: Differences): {
  onlyRule: number | undefined
  onlyAgainst: number | undefined
} {
  const listed = (side: 'only_rule' | 'only_against', all: number) => {
    const count = machines.reduce((sum, machine) => sum + machine[side].length, 0)
    return count < all ? count : undefined
  }
  return {
    onlyRule: listed('only_rule', only_rule),
    onlyAgainst: listed('only_against', only_against),
  }
}

/** Shares of what is known: of alarms with a failure after them, and of failures with an alarm before. */
export function sharesOf(totals: BacktestMachine['totals']): {
  precision: number | undefined
  announced: number | undefined
} {
  const { alarms, failures } = totals
  if (!failures) return { precision: undefined, announced: undefined }
  const share = (part: number, of: number) => (of > 0 ? part / of : undefined)
  return {
    precision: share(Math.max(0, alarms - failures.alarms_without_failure), alarms),
    announced: share(failures.announced, failures.known),
  }
}
