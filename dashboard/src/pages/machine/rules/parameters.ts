/** A machine's own limits: which of them rules ask for, what holds without them. Pure. */
import type { Machine, Rule } from '../../../api/types'
import { isParameterName } from '../../rules/tree/formats'
import { leavesOf } from '../../rules/tree/watched'

/** A rule that asks for a parameter, and the limit that holds without it. */
export interface Use {
  rule: Pick<Rule, 'id' | 'name' | 'enabled'>
  fallback: number
}

/** One parameter. */
export interface ParameterRow {
  name: string
  /** The machine's own value. */
  own: number | undefined
  /** By rule; a rule may have several defaults. None: no rule asks for it. */
  uses: Use[]
}

/** What rules ask for and what the machine has, by name. */
export function parametersOf(rules: readonly Rule[], machine: Machine): ParameterRow[] {
  const rows = new Map<string, ParameterRow>()
  const row = (name: string) => {
    const known = rows.get(name) ?? { name, own: machine.parameters?.[name], uses: [] }
    rows.set(name, known)
    return known
  }
  Object.keys(machine.parameters ?? {}).forEach(row)
  for (const rule of rules) {
    for (const { name, fallback } of askedBy(rule)) {
      const { uses } = row(name)
      const isThere = uses.some((use) => use.rule.id === rule.id && use.fallback === fallback)
      if (!isThere) uses.push({ rule, fallback })
    }
  }
  return [...rows.values()].sort((a, b) => (a.name < b.name ? -1 : 1))
}

interface Asked {
  name: string
  fallback: number
}

/** Limits of any kind of condition, also of kinds that only a newer platform knows. */
function askedBy(rule: Rule): Asked[] {
  const values = leavesOf(rule.condition).flatMap((leaf) => Object.values(leaf) as unknown[])
  return values.flatMap((value) => {
    if (typeof value !== 'object' || value === null) return []
    const { parameter, default: fallback } = value as Record<string, unknown>
    const isLimit = typeof parameter === 'string' && typeof fallback === 'number'
    return isLimit ? [{ name: parameter, fallback }] : []
  })
}

/** What is wrong with the name of a new parameter. */
export function nameProblem(name: string, machine: Machine): 'name' | 'taken' | undefined {
  if (!isParameterName(name)) return 'name'
  return machine.parameters && Object.hasOwn(machine.parameters, name) ? 'taken' : undefined
}

/** All of the machine's parameters with one set, or removed where there is no value. */
export function changed(
  machine: Machine,
  name: string,
  value: number | undefined,
): Record<string, number> {
  const others = Object.entries(machine.parameters ?? {}).filter(([other]) => other !== name)
  const own: [string, number][] = value === undefined ? [] : [[name, value]]
  return Object.fromEntries([...others, ...own])
}
