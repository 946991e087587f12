/** What is tried on history, from what was typed. Pure. */
import type { BacktestOptions, Rule, RuleInput, BacktestInput } from '../../../api/types'
import { type Entered, given, type NumberRules } from '../../../format/entered'

export interface FailureEntry {
  key: string
  machineId: string | null
  /** As an input for local times has it: `2026-05-04T11:20`. */
  at: string
  name: string
}

export interface HistoryForm {
  /** Local days, `2026-05-04`; both are included. */
  from: string
  to: string
  /** None: those that the rule would watch. */
  machineIds: string[]
  failures: FailureEntry[]
  leadHours: Entered
  isCompared: boolean
}

export const DAYS_MAX = 400
export const MACHINES_MAX = 50
export const FAILURES_MAX = 200
export const LEAD: NumberRules = { required: true, min: 0.02, max: 2_160 }

const DAY_MS = 86_400_000

/** The last 30 days. */
export function firstForm(now: number): HistoryForm {
  return {
    ...{ from: dayOf(now - 30 * DAY_MS), to: dayOf(now) },
    ...{ machineIds: [], failures: [], leadHours: 48, isCompared: false },
  }
}

function dayOf(at: number): string {
  const date = new Date(at)
  const two = (part: number) => String(part).padStart(2, '0')
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`
}

/** The time from the first day's beginning to the last day's end, but not beyond now. */
export function rangeOf(
  { from, to }: Pick<HistoryForm, 'from' | 'to'>,
  now: number,
): { from: number; to: number } | undefined {
  const start = new Date(`${from}T00:00`).getTime()
  const last = new Date(`${to}T00:00`)
  last.setDate(last.getDate() + 1)
  const end = Math.min(last.getTime(), now)
  return Number.isFinite(start) && Number.isFinite(end) ? { from: start, to: end } : undefined
}

export type HistoryProblem = 'dates' | 'order' | 'tooLong' | 'lead' | 'failures'

/** What is wrong with the form before the platform is asked. */
export function historyProblem(
  form: HistoryForm,
  now: number,
  language: string,
): HistoryProblem | undefined {
  const range = rangeOf(form, now)
  if (!range) return 'dates'
  if (range.from >= range.to) return 'order'
  if (range.to - range.from > DAYS_MAX * DAY_MS) return 'tooLong'
  if (form.failures.length === 0) return undefined
  const lead = given(form.leadHours, language)
  if (lead === undefined || lead < (LEAD.min ?? 0) || lead > (LEAD.max ?? 0)) return 'lead'
  const isWhole = ({ machineId, at }: FailureEntry) => !!machineId && !!at
  return form.failures.every(isWhole) ? undefined : 'failures'
}

/** What the API takes; undefined while something is wrong with the times. */
export function historyInput(
  form: HistoryForm,
  { input, rule, now, language }: { input: RuleInput; rule?: Rule; now: number; language: string },
): BacktestInput | undefined {
  const range = rangeOf(form, now)
  if (!range) return undefined
  const backtest: BacktestOptions = {
    from: new Date(range.from).toISOString(),
    to: new Date(range.to).toISOString(),
  }
  if (form.machineIds.length > 0) backtest.machine_ids = form.machineIds
  if (form.isCompared && rule) {
    backtest.against_rule_id = rule.id
    backtest.against_version = rule.version
  }
  if (form.failures.length > 0) {
    backtest.lead_s = Math.round((given(form.leadHours, language) ?? 48) * 3600)
    backtest.known_failures = form.failures.map(({ machineId, at, name }) => ({
      machine_id: machineId ?? '',
      at: new Date(at).toISOString(),
      name: name.trim() || undefined,
    }))
  }
  return { ...input, backtest }
}
