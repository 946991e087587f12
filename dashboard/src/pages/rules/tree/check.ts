/** What is wrong with a condition before the platform is asked. Pure. */
import {
  type Entered,
  type NumberProblem,
  type NumberRules,
  readNumber,
} from '../../../format/entered'
import {
  childrenOf,
  type Draft,
  type FieldName,
  fieldsOf,
  type Leaf,
  type LimitEntry,
} from './draft'
import { isParameterName, isTimeOfDay } from './formats'
import { parsed } from './write'

const WEEK_S = 604_800
const HOLD: NumberRules = { min: 0, max: WEEK_S }
const WINDOW: NumberRules = { required: true, min: 0.1, max: WEEK_S }
const LIMIT: NumberRules = { required: true }

/** What the numbers must keep to; times are in seconds. */
export const NUMBERS = {
  hold_s: HOLD,
  clear_hold_s: HOLD,
  calm_s: HOLD,
  window_s: WINDOW,
  within_s: WINDOW,
  for_s: { required: true, min: 1, max: 31_622_400 },
  at_least: { required: true, isInteger: true, min: 1, max: 100 },
  wraps_at: {},
  train_rows: { isInteger: true, min: 50, max: 10_000_000 },
} as const satisfies Partial<Record<FieldName, NumberRules>>
export type NumberName = keyof typeof NUMBERS

export function isNumberName(field: FieldName): field is NumberName {
  return field in NUMBERS
}

/** `clear_at` may be left out, unless a parameter is named. */
export function limitRules(field: 'limit' | 'clear_at', entry: LimitEntry): NumberRules {
  return field === 'limit' || entry.isParameter ? LIMIT : {}
}

/** What is wrong at a field. */
export type Problem =
  | { kind: 'missing' }
  | { kind: 'values' }
  | { kind: 'empty' }
  | { kind: 'json'; text: string }
  | { kind: 'time' | 'parameter'; value: string }
  | { kind: 'number'; problem: NumberProblem; entered: Entered; rules: NumberRules }

/** The name of a field of a part, for its error. */
export function fieldAt(key: string, field: string): string {
  return `${key}.${field}`
}

/** All that is wrong, by `fieldAt`; nothing when the platform can be asked. */
export function problemsOf(root: Draft, language: string): Map<string, Problem> {
  const problems = new Map<string, Problem>()
  const walk = (part: Draft) => {
    look(part, language, (field, problem) => problems.set(fieldAt(part.key, field), problem))
    childrenOf(part).forEach(walk)
  }
  walk(root)
  return problems
}

type Tell = (field: string, problem: Problem) => void

function look(part: Draft, language: string, tell: Tell): void {
  switch (part.kind) {
    case 'json': {
      const { error } = parsed(part.text)
      if (error !== undefined) tell('json', { kind: 'json', text: error })
      return
    }
    case 'all':
    case 'any':
      if (part.children.length === 0) tell('', { kind: 'empty' })
      number('hold_s', part.hold_s, HOLD, language, tell)
      number('clear_hold_s', part.clear_hold_s, HOLD, language, tell)
      return
    case 'while':
    case 'levels':
      return
    default:
      fieldsOf(part).forEach((field) => leafField(part, field, language, tell))
  }
}

function leafField(leaf: Leaf, field: FieldName, language: string, tell: Tell): void {
  if (isNumberName(field)) return number(field, leaf[field], NUMBERS[field], language, tell)
  switch (field) {
    case 'limit':
    case 'clear_at': {
      const entry = leaf[field]
      number(field, entry.number, limitRules(field, entry), language, tell)
      if (entry.isParameter) parameter(`${field}.parameter`, entry.parameter.trim(), tell)
      return
    }
    case 'signal':
    case 'from':
    case 'event':
      if (!leaf[field].trim()) tell(field, { kind: 'missing' })
      return
    case 'signals':
      if (leaf.signals.length === 0) tell(field, { kind: 'missing' })
      return
    case 'day_from':
    case 'day_to': {
      const value = leaf[field].trim()
      if (value && !isTimeOfDay(value)) tell(field, { kind: 'time', value })
      return
    }
    case 'values': {
      const isNeeded = leaf.kind !== 'missing'
      if (isNeeded && leaf.values.items.length === 0) tell(field, { kind: 'missing' })
      values(leaf, field, leaf.values.items, language, tell)
      return
    }
    case 'changes':
      if (leaf.changes.length === 0) tell(field, { kind: 'missing' })
      for (const { from, to } of leaf.changes) values(leaf, field, [from, ...to], language, tell)
      return
    default:
      return
  }
}

function number(
  field: string,
  entered: Entered,
  rules: NumberRules,
  language: string,
  tell: Tell,
): void {
  const read = readNumber(entered, language, rules)
  if ('problem' in read) tell(field, { kind: 'number', problem: read.problem, entered, rules })
}

function parameter(field: string, value: string, tell: Tell): void {
  if (!value) tell(field, { kind: 'missing' })
  else if (!isParameterName(value)) tell(field, { kind: 'parameter', value })
}

/** Numbers among the values must be some, and texts must not be empty. */
function values(leaf: Leaf, field: string, items: string[], language: string, tell: Tell): void {
  const isBad = (item: string) =>
    leaf.values.type === 'number'
      ? 'problem' in readNumber(item, language, { required: true })
      : leaf.values.type === 'boolean' && item !== 'true' && item !== 'false'
  if (items.some(isBad)) tell(field, { kind: 'values' })
}
