/** From what the API has to what is edited. Pure. */
import { enteredText } from '../../../format/entered'
import {
  type Condition,
  type Draft,
  groupOf,
  leafOf,
  type LeafFields,
  type LimitEntry,
  newPartKey,
  NO_LIMIT,
  type Raw,
  type Values,
  type ValueType,
} from './draft'
import { type StateValue, toCondition } from './write'

type Threshold = Extract<Condition, { kind: 'threshold' }>

/**
 * A condition for the form. A part that the form can't hold without loss, such as one of a newer
 * platform, is there as JSON.
 */
export function draftOf(json: unknown, language: string): Draft {
  try {
    const draft = read(json as Condition, language)
    if (draft && isHeld(json, toCondition(draft, language))) return draft
  } catch {
    // Not of the form that a condition has.
  }
  return rawOf(json)
}

export function rawOf(json: unknown): Raw {
  return { key: newPartKey(), kind: 'json', text: JSON.stringify(json, null, 2) }
}

function read(it: Condition, language: string): Draft | undefined {
  switch (it.kind) {
    case 'all':
    case 'any': {
      const children = it.conditions.map((child) => draftOf(child, language))
      const { hold_s = 0, clear_hold_s = 0 } = it
      return { ...groupOf(it.kind, children), hold_s, clear_hold_s }
    }
    case 'while': {
      const [gate, inner] = [draftOf(it.while, language), draftOf(it.condition, language)]
      return { key: newPartKey(), kind: 'while', gate, inner }
    }
    case 'levels': {
      const levels = it.levels.map(({ severity, condition }) => {
        return { key: newPartKey(), severity, condition: draftOf(condition, language) }
      })
      return { key: newPartKey(), kind: 'levels', levels }
    }
    default: {
      const fields = leafFields(it, language)
      return fields && leafOf(it.kind, fields)
    }
  }
}

type LeafCondition = Exclude<Condition, { kind: 'all' | 'any' | 'while' | 'levels' }>

/** What the condition says; undefined for a kind that isn't known. */
function leafFields(it: LeafCondition, language: string): Partial<LeafFields> | undefined {
  switch (it.kind) {
    case 'threshold':
      return { signal: it.signal, unit: it.unit ?? '', ...bound(it), ...holds(it) }
    case 'rate': {
      const { signal, per, window_s } = it
      const more = { signal, per, window_s, wraps_at: it.wraps_at ?? '', unit: it.unit ?? '' }
      return { ...more, ...bound(it), ...holds(it) }
    }
    case 'deviation': {
      const { signal, from, measure = 'absolute' } = it
      const limits = { limit: entryOf(it.above), clear_at: entryOf(it.clear_at) }
      return { signal, from, measure, unit: it.unit ?? '', ...limits, ...holds(it) }
    }
    case 'count': {
      const { signal, each = 'sample', at_least, window_s } = it
      const hasIs = (it.is?.length ?? 0) > 0
      const counted = hasIs ? 'is' : it.above == null ? 'below' : 'above'
      const limit = entryOf(it.above ?? it.below)
      const values = entered(it.is ?? [], language)
      const clear_hold_s = it.clear_hold_s ?? 0
      return { signal, counted, limit, values, each, at_least, window_s, clear_hold_s }
    }
    case 'state': {
      const isNot = (it.is_not?.length ?? 0) > 0
      const values = entered((isNot ? it.is_not : it.is) ?? [], language)
      return { signal: it.signal, match: isNot ? 'is_not' : 'is', values, ...holds(it) }
    }
    case 'missing': {
      const { for_s, of = 'value' } = it
      if (it.event != null) return { subject: 'event', event: it.event, for_s, of }
      const values = entered(it.is ?? [], language)
      return { subject: 'signal', signal: it.signal ?? '', values, of, for_s }
    }
    case 'sequence': {
      const { signal, within_s, clear_hold_s = 0 } = it
      return { signal, values: entered(it.states, language), within_s, clear_hold_s }
    }
    case 'order': {
      const { signal, clear_hold_s = 0 } = it
      const { type } = entered(
        it.allowed.map(({ from }) => from),
        language,
      )
      const changes = it.allowed.map(({ from, to }) => ({
        key: newPartKey(),
        from: textOf(from, language),
        to: to.map((each) => textOf(each, language)),
      }))
      return { signal, values: { type, items: [] }, changes, clear_hold_s }
    }
    case 'schedule': {
      const { weekdays = [], outside = false } = it
      const times = { day_from: it.from ?? '', day_to: it.to ?? '' }
      return { weekdays, outside, ...times, time_zone: it.time_zone ?? '' }
    }
    case 'anomaly': {
      const together = it.together == null ? 'auto' : it.together ? 'yes' : 'no'
      const { signals, clear_hold_s: calm_s = 300 } = it
      return { signals, together, train_rows: it.train_rows ?? '', calm_s }
    }
    default:
      return undefined
  }
}

function bound(it: Pick<Threshold, 'above' | 'below' | 'clear_at'>) {
  const side = it.above == null ? ('below' as const) : ('above' as const)
  return { side, limit: entryOf(it.above ?? it.below), clear_at: entryOf(it.clear_at) }
}

function holds({ hold_s = 0, clear_hold_s = 0 }: Pick<Threshold, 'hold_s' | 'clear_hold_s'>) {
  return { hold_s, clear_hold_s }
}

function entryOf(limit: Threshold['above']): LimitEntry {
  if (limit == null) return NO_LIMIT
  if (typeof limit === 'number') return { ...NO_LIMIT, number: limit }
  return { isParameter: true, parameter: limit.parameter, number: limit.default }
}

function entered(values: readonly StateValue[], language: string): Values {
  const items = values.map((value) => textOf(value, language))
  return { type: typeOf(values[0]), items }
}

function typeOf(value: StateValue | undefined): ValueType {
  if (typeof value === 'number') return 'number'
  return typeof value === 'boolean' ? 'boolean' : 'text'
}

function textOf(value: StateValue, language: string): string {
  return typeof value === 'number' ? enteredText(value, language) : String(value)
}

/** Whether all that one says is in the other as well; what isn't said there may be added. */
export function isHeld(original: unknown, made: unknown): boolean {
  if (isNothing(original)) return isNothing(made)
  if (Array.isArray(original)) {
    if (!Array.isArray(made) || made.length !== original.length) return false
    return original.every((each, place) => isHeld(each, made[place]))
  }
  if (typeof original !== 'object') return original === made
  if (typeof made !== 'object' || made === null) return false
  const other = made as Record<string, unknown>
  return Object.entries(original as object).every(([name, value]) => isHeld(value, other[name]))
}

/** Null, left out and an empty list say the same. */
function isNothing(value: unknown): boolean {
  return value === null || value === undefined || (Array.isArray(value) && value.length === 0)
}
