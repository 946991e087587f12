/** What a backtest found, as marks in the chart of one machine. Pure. */
import type { BacktestAlarm, BacktestMachine, BacktestResult } from '../../../api/types'
import type { ChartMark } from '../../../components/chart/series'
import { millis } from '../../../format/format'

type Run = BacktestResult['rule']

export interface MarkWords {
  /** An alarm that only the edited rule would have raised. */
  onlyRule: (message: string) => string
  /** One that only the rule that it is compared with would have raised. */
  onlyAgainst: string
  failure: (name: string | null | undefined, isAnnounced: boolean) => string
}

export function machineOf(run: Run, machineId: string): BacktestMachine | undefined {
  return run.machines.find((machine) => machine.machine_id === machineId)
}

/** Alarms with their severity, those of one side only called so, and known failures. */
export function marksOf(result: BacktestResult, machineId: string, words: MarkWords): ChartMark[] {
  const machine = machineOf(result.rule, machineId)
  const differing = result.differences?.machines.find((each) => each.machine_id === machineId)
  const only = new Set((differing?.only_rule ?? []).map(({ from }) => millis(from)))
  const alarms = (machine?.alarms ?? []).map((alarm) => alarmMark(alarm, only, words))
  const others = (differing?.only_against ?? []).map(({ from, to }): ChartMark => {
    const label = words.onlyAgainst
    return { kind: 'alarm', at: millis(from), until: millis(to), label, severity: 'indeterminate' }
  })
  const failures = result.rule.failures
    .filter((failure) => failure.machine_id === machineId)
    .map(({ at, name, announced_at }): ChartMark => {
      return { kind: 'failure', at: millis(at), label: words.failure(name, announced_at != null) }
    })
  return [...alarms, ...others, ...failures]
}

function alarmMark(alarm: BacktestAlarm, only: ReadonlySet<number>, words: MarkWords): ChartMark {
  const at = millis(alarm.from)
  return {
    kind: 'alarm',
    at,
    until: alarm.to == null ? undefined : millis(alarm.to),
    label: only.has(at) ? words.onlyRule(alarm.message) : alarm.message,
    severity: alarm.worst,
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
