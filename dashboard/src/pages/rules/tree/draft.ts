/** A rule's condition while it is edited: a tree of parts with what was typed. */
import type { RuleCondition, Severity } from '../../../api/types'
import type { Entered } from '../../../format/entered'

export const LEAF_KINDS = [
  'threshold',
  'rate',
  'deviation',
  'count',
  'state',
  'missing',
  'sequence',
  'order',
  'schedule',
  'anomaly',
] as const
export type LeafKind = (typeof LEAF_KINDS)[number]
export const WRAP_KINDS = ['all', 'any', 'while', 'levels'] as const
export type WrapKind = (typeof WRAP_KINDS)[number]
/** What the outermost condition may be and others may not. */
const OUTERMOST: readonly Draft['kind'][] = ['levels', 'anomaly']

export const RATE_PERS = ['second', 'minute', 'hour'] as const
export const WEEKDAYS = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const
/** Severities that a rule can have, the mildest first. */
export const RULE_SEVERITIES = ['warning', 'minor', 'major', 'critical'] as const
export const LEVELS_MIN = 2
export const LEVELS_MAX = 4

/** A limit: a number for all machines, or a machine's parameter with what holds without it. */
export interface LimitEntry {
  isParameter: boolean
  parameter: string
  number: Entered
}

export type ValueType = 'text' | 'number' | 'boolean'

/** Values of one type, each as it was typed; `true` and `false` of booleans. */
export interface Values {
  type: ValueType
  items: string[]
}

/** What may follow a value; of the type that the part's values have. */
export interface Change {
  key: string
  from: string
  to: string[]
}

/** All that any kind of part asks for, so that what two kinds share stays when the kind is changed. */
export interface LeafFields {
  signal: string
  unit: string
  side: 'above' | 'below'
  limit: LimitEntry
  clear_at: LimitEntry
  hold_s: Entered
  clear_hold_s: Entered
  window_s: Entered
  per: (typeof RATE_PERS)[number]
  wraps_at: Entered
  /** What a deviation is compared with. */
  from: string
  measure: 'absolute' | 'percent'
  counted: 'above' | 'below' | 'is'
  each: 'sample' | 'crossing'
  at_least: Entered
  match: 'is' | 'is_not'
  values: Values
  subject: 'signal' | 'event'
  event: string
  of: 'value' | 'change'
  for_s: Entered
  within_s: Entered
  changes: Change[]
  weekdays: string[]
  day_from: string
  day_to: string
  time_zone: string
  outside: boolean
  signals: string[]
  together: 'auto' | 'yes' | 'no'
  train_rows: Entered
  /** The anomaly's own, as it is another one when nothing is said. */
  calm_s: Entered
}
export type FieldName = keyof LeafFields

export interface Leaf extends LeafFields {
  key: string
  kind: LeafKind
}
export interface Group {
  key: string
  kind: 'all' | 'any'
  children: Draft[]
  hold_s: Entered
  clear_hold_s: Entered
}
export interface While {
  key: string
  kind: 'while'
  gate: Draft
  inner: Draft
}
export interface LevelEntry {
  key: string
  severity: Severity
  condition: Draft
}
export interface Levels {
  key: string
  kind: 'levels'
  levels: LevelEntry[]
}
/** What the form can't hold, as text. */
export interface Raw {
  key: string
  kind: 'json'
  text: string
}
export type Draft = Leaf | Group | While | Levels | Raw

const made = { keys: 0 }

/** A key that no other part has. */
export function newPartKey(): string {
  made.keys += 1
  return `part${made.keys}`
}

export const NO_LIMIT: LimitEntry = { isParameter: false, parameter: '', number: '' }

const FIELDS: LeafFields = {
  signal: '',
  unit: '',
  side: 'above',
  limit: NO_LIMIT,
  clear_at: NO_LIMIT,
  hold_s: 0,
  clear_hold_s: 0,
  window_s: '',
  per: 'minute',
  wraps_at: '',
  from: '',
  measure: 'absolute',
  counted: 'above',
  each: 'sample',
  at_least: '',
  match: 'is',
  values: { type: 'text', items: [] },
  subject: 'signal',
  event: '',
  of: 'value',
  for_s: '',
  within_s: '',
  changes: [],
  weekdays: [],
  day_from: '',
  day_to: '',
  time_zone: '',
  outside: false,
  signals: [],
  together: 'auto',
  train_rows: '',
  calm_s: 300,
}

export function leafOf(kind: LeafKind, fields: Partial<LeafFields> = {}): Leaf {
  return { ...FIELDS, ...fields, key: newPartKey(), kind }
}

/** What a new rule begins with. */
export function firstDraft(): Draft {
  return leafOf('threshold', { hold_s: 10, clear_hold_s: 10 })
}

export function groupOf(kind: Group['kind'], children: Draft[]): Group {
  return { key: newPartKey(), kind, children, hold_s: 0, clear_hold_s: 0 }
}

export function isLeaf(draft: Draft): draft is Leaf {
  return (LEAF_KINDS as readonly string[]).includes(draft.kind)
}

/** Whether a part can stand within another one. */
export function canBeInside(kind: Draft['kind']): boolean {
  return !OUTERMOST.includes(kind)
}

/** The parts directly within a part. */
export function childrenOf(draft: Draft): Draft[] {
  switch (draft.kind) {
    case 'all':
    case 'any':
      return draft.children
    case 'while':
      return [draft.gate, draft.inner]
    case 'levels':
      return draft.levels.map(({ condition }) => condition)
    default:
      return []
  }
}

/** Which fields each kind of part shows, in their order. */
export function fieldsOf(leaf: Leaf): FieldName[] {
  switch (leaf.kind) {
    case 'threshold':
      return ['signal', 'side', 'limit', 'hold_s', 'clear_at', 'clear_hold_s', 'unit']
    case 'rate':
      return [
        ...(['signal', 'per', 'window_s', 'side', 'limit', 'hold_s', 'clear_at'] as const),
        ...(['clear_hold_s', 'unit', 'wraps_at'] as const),
      ]
    case 'deviation':
      return ['signal', 'from', 'measure', 'limit', 'hold_s', 'clear_at', 'clear_hold_s', 'unit']
    case 'count': {
      const what = leaf.counted === 'is' ? ('values' as const) : ('limit' as const)
      return ['signal', 'counted', what, 'each', 'at_least', 'window_s', 'clear_hold_s']
    }
    case 'state':
      return ['signal', 'match', 'values', 'hold_s', 'clear_hold_s']
    case 'missing':
      return leaf.subject === 'event'
        ? ['subject', 'event', 'for_s']
        : ['subject', 'signal', 'of', 'for_s', 'values']
    case 'sequence':
      return ['signal', 'values', 'within_s', 'clear_hold_s']
    case 'order':
      return ['signal', 'changes', 'clear_hold_s']
    case 'schedule':
      return ['weekdays', 'day_from', 'day_to', 'outside', 'time_zone']
    case 'anomaly':
      return ['signals', 'together', 'train_rows', 'calm_s']
  }
}

/** As the API has it; where the form is at its wits' end, whatever stands there. */
export type Condition = RuleCondition
