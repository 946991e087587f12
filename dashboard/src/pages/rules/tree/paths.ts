/** Where in the tree the platform finds fault. Pure. */
import { fieldAt } from './check'
import { type Draft, type FieldName, fieldsOf, type Leaf } from './draft'

type Step = string | number

/** `conditions[1].above` → `conditions`, 1, `above`. */
export function stepsOf(path: string): Step[] {
  return [...path.matchAll(/([^.[\]]+)|\[(\d+)\]/g)].map(([, name, place]) =>
    name === undefined ? Number(place) : name,
  )
}

/**
 * The field of the tree (`fieldAt`) that the platform's name of a field means, such as
 * `condition.conditions[1].above`; the part itself where the form has no such field. Undefined for
 * what isn't in the condition.
 */
export function placeOf(root: Draft, path: string): string | undefined {
  const [first, ...steps] = stepsOf(path)
  return first === 'condition' ? walk(root, steps) : undefined
}

function walk(part: Draft, steps: Step[]): string {
  const [name, place] = steps
  const own = fieldAt(part.key, '')
  switch (part.kind) {
    case 'json':
      return fieldAt(part.key, 'json')
    case 'all':
    case 'any': {
      const child = typeof place === 'number' ? part.children[place] : undefined
      if (name === 'conditions' && child) return walk(child, steps.slice(2))
      return name === 'hold_s' || name === 'clear_hold_s' ? fieldAt(part.key, name) : own
    }
    case 'while':
      if (name === 'while') return walk(part.gate, steps.slice(1))
      return name === 'condition' ? walk(part.inner, steps.slice(1)) : own
    case 'levels': {
      const level = typeof place === 'number' ? part.levels[place] : undefined
      if (name !== 'levels' || !level) return own
      if (steps[2] === 'condition') return walk(level.condition, steps.slice(3))
      return fieldAt(level.key, 'severity')
    }
    default:
      return fieldAt(part.key, fieldOf(part, steps))
  }
}

/** The form's names where they aren't the platform's. */
function fieldOf(leaf: Leaf, [name, within]: Step[]): string {
  const shown = fieldsOf(leaf)
  const has = (field: FieldName) => shown.find((each) => each === field) ?? ''
  /** The number, or the name of the parameter in its place. */
  const limit = (field: 'limit' | 'clear_at') =>
    within === 'parameter' && leaf[field].isParameter && has(field)
      ? `${field}.parameter`
      : has(field)
  switch (name) {
    case 'above':
    case 'below':
      return limit('limit')
    case 'clear_at':
      return limit('clear_at')
    case 'is':
    case 'is_not':
    case 'states':
      return has('values')
    case 'allowed':
      return has('changes')
    case 'from':
      return leaf.kind === 'schedule' ? has('day_from') : has('from')
    case 'to':
      return has('day_to')
    case 'clear_hold_s':
      return has(leaf.kind === 'anomaly' ? 'calm_s' : 'clear_hold_s')
    default:
      return shown.find((each) => each === name) ?? ''
  }
}
