/** The form of a rule: to and from what the API takes. Pure. */
import type { Rule, RuleInput } from '../../api/types'
import { type Entered, given, type NumberRules } from '../../format/entered'

export type Direction = 'above' | 'below'

export interface RuleForm {
  name: string
  scope: 'machine' | 'model'
  machine_id: string | null
  model: string
  organization_id: string | null
  signal: string
  direction: Direction
  limit: Entered
  clear_at: Entered
  hold_s: Entered
  clear_hold_s: Entered
  severity: RuleInput['severity']
  message: string
  enabled: boolean
}

export const EMPTY: RuleForm = {
  name: '',
  scope: 'machine',
  machine_id: null,
  model: '',
  organization_id: null,
  signal: '',
  direction: 'above',
  limit: '',
  clear_at: '',
  hold_s: 10,
  clear_hold_s: 10,
  severity: 'major',
  message: '',
  enabled: true,
}

type Condition = Rule['condition']
type Threshold = Extract<Condition, { kind: 'threshold' }>

/** Whether the form can hold a rule: one limit, the same for all machines. */
export function isFormed(rule: Rule): boolean {
  return thresholdOf(rule.condition) !== undefined
}

function thresholdOf(condition: Condition): Threshold | undefined {
  if (condition.kind !== 'threshold') return undefined
  const limits = [condition.above, condition.below, condition.clear_at]
  const plain = limits.every((limit) => limit == null || typeof limit === 'number')
  return plain && condition.unit == null ? condition : undefined
}

const plainOf = (limit: Threshold['above']) => (typeof limit === 'number' ? limit : undefined)

/** Of a rule that the form can't hold only what isn't its condition. */
export function fromRule(rule: Rule): RuleForm {
  const condition = thresholdOf(rule.condition)
  const above = plainOf(condition?.above)
  const isAbove = above !== undefined
  return {
    name: rule.name,
    scope: rule.machine_id ? 'machine' : 'model',
    machine_id: rule.machine_id ?? null,
    model: rule.model ?? '',
    organization_id: rule.organization_id,
    signal: condition?.signal ?? '',
    direction: isAbove ? 'above' : 'below',
    limit: above ?? plainOf(condition?.below) ?? '',
    clear_at: plainOf(condition?.clear_at) ?? '',
    hold_s: condition?.hold_s ?? 0,
    clear_hold_s: condition?.clear_hold_s ?? 0,
    severity: rule.severity,
    message: rule.message ?? '',
    enabled: rule.enabled,
  }
}

/** What the numbers must keep to. Hold times are in seconds. */
const HOLD: NumberRules = { min: 0, max: 604_800 }
export const NUMBERS = {
  limit: { required: true },
  clear_at: {},
  hold_s: HOLD,
  clear_hold_s: HOLD,
} satisfies Partial<Record<keyof RuleForm, NumberRules>>

/** Numbers are read as the language writes them; those that can't be are found by the form's check. */
export function toInput(form: RuleForm, language: string): RuleInput {
  return {
    name: form.name.trim(),
    machine_id: form.scope === 'machine' ? form.machine_id : undefined,
    model: form.scope === 'model' ? form.model.trim() : undefined,
    organization_id: form.organization_id ?? undefined,
    condition: {
      kind: 'threshold',
      signal: form.signal.trim(),
      [form.direction]: given(form.limit, language),
      clear_at: given(form.clear_at, language),
      hold_s: given(form.hold_s, language) ?? 0,
      clear_hold_s: given(form.clear_hold_s, language) ?? 0,
    },
    severity: form.severity,
    message: form.message.trim() || undefined,
    enabled: form.enabled,
  }
}

/** The same rule, on or off. */
export function switched(rule: Rule, enabled: boolean): RuleInput {
  const { organization_id, name, condition, severity } = rule
  const machine_id = rule.machine_id ?? undefined
  const model = rule.model ?? undefined
  const message = rule.message ?? undefined
  return { organization_id, name, machine_id, model, condition, severity, message, enabled }
}

const FIELDS: Record<string, keyof RuleForm> = {
  'condition.above': 'limit',
  'condition.below': 'limit',
  'condition.signal': 'signal',
  'condition.clear_at': 'clear_at',
  'condition.hold_s': 'hold_s',
  'condition.clear_hold_s': 'clear_hold_s',
}

/** The platform's objections at the form's fields, and those that have none. */
export function errorsOf(fields: Record<string, string>): {
  errors: Partial<Record<keyof RuleForm, string>>
  others: string[]
} {
  const errors: Partial<Record<keyof RuleForm, string>> = {}
  const others: string[] = []
  for (const [name, text] of Object.entries(fields)) {
    const field = FIELDS[name] ?? (name in EMPTY ? (name as keyof RuleForm) : undefined)
    if (field) errors[field] = text
    else others.push(`${name}: ${text}`)
  }
  return { errors, others }
}
