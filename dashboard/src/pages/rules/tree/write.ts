/** From what is edited to what the API takes. Pure. */
import { type Entered, given } from '../../../format/entered'
import type { Condition, Draft, Leaf, LimitEntry, Values } from './draft'

type Threshold = Extract<Condition, { kind: 'threshold' }>
type Limit = NonNullable<Threshold['above']>
type State = Extract<Condition, { kind: 'state' }>
export type StateValue = NonNullable<State['is']>[number]
type Schedule = Extract<Condition, { kind: 'schedule' }>

/** Numbers are read as the language writes them; those that can't be are found by `problemsOf`. */
export function toCondition(draft: Draft, language: string): Condition {
  switch (draft.kind) {
    case 'all':
    case 'any': {
      const group = {
        conditions: draft.children.map((child) => toCondition(child, language)),
        hold_s: given(draft.hold_s, language) ?? 0,
        clear_hold_s: given(draft.clear_hold_s, language) ?? 0,
      }
      return draft.kind === 'all' ? { kind: 'all', ...group } : { kind: 'any', ...group }
    }
    case 'while':
      return {
        kind: 'while',
        while: toCondition(draft.gate, language),
        condition: toCondition(draft.inner, language),
      }
    case 'levels':
      return {
        kind: 'levels',
        levels: draft.levels.map(({ severity, condition }) => ({
          severity,
          condition: toCondition(condition, language),
        })),
      }
    case 'json':
      return (parsed(draft.text).value ?? {}) as Condition
    default:
      return leafCondition(draft, language)
  }
}

/** JSON that was typed, or why it is none. */
export function parsed(text: string): { value?: unknown; error?: string } {
  try {
    return { value: JSON.parse(text) as unknown }
  } catch (error) {
    return { error: error instanceof Error ? error.message : String(error) }
  }
}

function leafCondition(leaf: Leaf, language: string): Condition {
  const number = (entered: Entered) => given(entered, language)
  const limit = (entry: LimitEntry) => limitOf(entry, language)
  const signal = leaf.signal.trim()
  const unit = leaf.unit.trim() || undefined
  const hold_s = number(leaf.hold_s) ?? 0
  const clear_hold_s = number(leaf.clear_hold_s) ?? 0
  const values = valuesOf(leaf.values, language)
  const window_s = number(leaf.window_s) ?? 0
  const clear_at = limit(leaf.clear_at)
  const of = (side: string, chosen: string) => (side === chosen ? limit(leaf.limit) : undefined)
  switch (leaf.kind) {
    case 'threshold': {
      const [above, below] = [of('above', leaf.side), of('below', leaf.side)]
      return { kind: 'threshold', signal, unit, above, below, clear_at, hold_s, clear_hold_s }
    }
    case 'rate':
      return {
        kind: 'rate',
        ...{ signal, unit, per: leaf.per, window_s, clear_at, hold_s, clear_hold_s },
        above: of('above', leaf.side),
        below: of('below', leaf.side),
        wraps_at: number(leaf.wraps_at),
      }
    case 'deviation':
      return {
        kind: 'deviation',
        ...{ signal, unit, measure: leaf.measure, clear_at, hold_s, clear_hold_s },
        from: leaf.from.trim(),
        above: limit(leaf.limit) ?? 0,
      }
    case 'count':
      return {
        kind: 'count',
        ...{ signal, each: leaf.each, window_s, clear_hold_s },
        above: of('above', leaf.counted),
        below: of('below', leaf.counted),
        is: leaf.counted === 'is' ? values : undefined,
        at_least: number(leaf.at_least) ?? 0,
      }
    case 'state':
      return {
        kind: 'state',
        ...{ signal, hold_s, clear_hold_s },
        is: leaf.match === 'is' ? values : undefined,
        is_not: leaf.match === 'is_not' ? values : undefined,
      }
    case 'missing': {
      const for_s = number(leaf.for_s) ?? 0
      if (leaf.subject === 'event') {
        return { kind: 'missing', event: leaf.event.trim(), of: 'value', for_s }
      }
      return { kind: 'missing', signal, of: leaf.of, for_s, is: values }
    }
    case 'sequence':
      return {
        kind: 'sequence',
        ...{ signal, states: values, clear_hold_s },
        within_s: number(leaf.within_s) ?? 0,
      }
    case 'order': {
      const read = (items: string[]) => valuesOf({ ...leaf.values, items }, language)
      const allowed = leaf.changes.map(({ from, to }) => ({
        from: read([from])[0] ?? '',
        to: read(to),
      }))
      return { kind: 'order', signal, allowed, clear_hold_s }
    }
    case 'schedule':
      return {
        kind: 'schedule',
        weekdays: leaf.weekdays as Schedule['weekdays'],
        from: leaf.day_from.trim() || undefined,
        to: leaf.day_to.trim() || undefined,
        time_zone: leaf.time_zone.trim() || undefined,
        outside: leaf.outside,
      }
    case 'anomaly':
      return {
        kind: 'anomaly',
        signals: leaf.signals.map((each) => each.trim()),
        together: leaf.together === 'auto' ? undefined : leaf.together === 'yes',
        train_rows: number(leaf.train_rows),
        clear_hold_s: number(leaf.calm_s) ?? 0,
      }
  }
}

function limitOf(entry: LimitEntry, language: string): Limit | undefined {
  const number = given(entry.number, language)
  if (!entry.isParameter) return number
  return { parameter: entry.parameter.trim(), default: number ?? 0 }
}

/** The values in their type. */
export function valuesOf({ type, items }: Values, language: string): StateValue[] {
  switch (type) {
    case 'text':
      return items
    case 'boolean':
      return items.map((item) => item === 'true')
    case 'number':
      return items.map((item) => given(item, language) ?? 0)
  }
}
