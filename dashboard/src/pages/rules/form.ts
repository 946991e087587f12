/** The form of a rule around its condition: to and from what the API takes. Pure. */
import type { Rule, RuleInput } from '../../api/types'
import type { Condition, Draft } from './tree/draft'
import { placeOf } from './tree/paths'

export interface RuleForm {
  name: string
  scope: 'machine' | 'model'
  machine_id: string | null
  model: string
  organization_id: string | null
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
  severity: 'major',
  message: '',
  enabled: true,
}

export function fromRule(rule: Rule): RuleForm {
  return {
    name: rule.name,
    scope: rule.machine_id ? 'machine' : 'model',
    machine_id: rule.machine_id ?? null,
    model: rule.model ?? '',
    organization_id: rule.organization_id,
    severity: rule.severity,
    message: rule.message ?? '',
    enabled: rule.enabled,
  }
}

/** With levels the rule has the severity of the last one. */
export function toInput(form: RuleForm, condition: Condition): RuleInput {
  return {
    name: form.name.trim(),
    machine_id: form.scope === 'machine' ? form.machine_id : undefined,
    model: form.scope === 'model' ? form.model.trim() : undefined,
    organization_id: form.organization_id ?? undefined,
    condition,
    severity: severityOf(condition) ?? form.severity,
    message: form.message.trim() || undefined,
    enabled: form.enabled,
  }
}

function severityOf(condition: Condition): RuleInput['severity'] | undefined {
  if (condition.kind !== 'levels' || !Array.isArray(condition.levels)) return undefined
  return condition.levels.at(-1)?.severity
}

/** The same rule, on or off. */
export function switched(rule: Rule, enabled: boolean): RuleInput {
  const { organization_id, name, condition, severity } = rule
  const machine_id = rule.machine_id ?? undefined
  const model = rule.model ?? undefined
  const message = rule.message ?? undefined
  return { organization_id, name, machine_id, model, condition, severity, message, enabled }
}

export interface Objections {
  /** At the form's own fields. */
  own: Partial<Record<keyof RuleForm, string>>
  /** At the condition's fields, by `fieldAt`. */
  tree: Record<string, string>
  /** Those that have no field. */
  others: string[]
}

/** The platform's objections, each at its field. */
export function objectionsOf(fields: Record<string, string>, draft: Draft): Objections {
  const found: Objections = { own: {}, tree: {}, others: [] }
  for (const [name, text] of Object.entries(fields)) {
    const at = placeOf(draft, name)
    if (at !== undefined) found.tree[at] = found.tree[at] ? `${found.tree[at]}; ${text}` : text
    else if (name in EMPTY) found.own[name as keyof RuleForm] = text
    else found.others.push(`${name}: ${text}`)
  }
  return found
}
