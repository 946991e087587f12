/** What a condition watches, for the chart. Pure; takes what the API has. */
import type { ChartLimit } from '../../../components/chart/series'
import type { Condition } from './draft'

type Threshold = Extract<Condition, { kind: 'threshold' }>
type Parameters = Readonly<Record<string, number>>

/** The parts that aren't around others, in their order. What isn't a condition is passed over. */
export function leavesOf(condition: Condition): Condition[] {
  if (typeof condition !== 'object' || condition === null) return []
  switch (condition.kind) {
    case 'all':
    case 'any':
      return listed(condition.conditions).flatMap(leavesOf)
    case 'while':
      return [condition.condition, condition.while].flatMap(leavesOf)
    case 'levels':
      return listed(condition.levels).flatMap((level) => leavesOf(level.condition))
    default:
      return [condition]
  }
}

/** What was typed as JSON may be anything. */
function listed<T>(list: readonly T[] | undefined): readonly T[] {
  return Array.isArray(list) ? list : []
}

/** The signals, those with limits first, each once. */
export function signalsOf(condition: Condition): string[] {
  const leaves = leavesOf(condition)
  const withLimits = leaves.filter(({ kind }) => kind === 'threshold')
  const signals = [...withLimits, ...leaves].flatMap(ofLeaf)
  return [...new Set(signals)].filter((signal) => typeof signal === 'string' && signal !== '')
}

function ofLeaf(leaf: Condition): string[] {
  switch (leaf.kind) {
    case 'deviation':
      return [leaf.signal, leaf.from]
    case 'anomaly':
      return [...listed(leaf.signals)]
    case 'missing':
      return leaf.signal ? [leaf.signal] : []
    case 'schedule':
    case 'all':
    case 'any':
    case 'while':
    case 'levels':
      return []
    default:
      return [leaf.signal]
  }
}

/** Limits of values as lines, as they are for a machine with these parameters. */
export function limitsOf(
  condition: Condition,
  parameters: Parameters,
  words: { limit: string; clearAt: string },
): ChartLimit[] {
  const number = (limit: Threshold['above']) =>
    typeof limit === 'object' && limit !== null
      ? (parameters[limit.parameter] ?? limit.default)
      : (limit ?? undefined)
  const limits: ChartLimit[] = []
  for (const leaf of leavesOf(condition)) {
    if (leaf.kind !== 'threshold') continue
    const { signal } = leaf
    const add = (value: number | undefined, label: string) => {
      const isThere = limits.some((each) => each.signal === signal && each.value === value)
      if (typeof value === 'number' && !isThere) limits.push({ value, label, signal })
    }
    add(number(leaf.above ?? leaf.below), words.limit)
    add(number(leaf.clear_at), words.clearAt)
  }
  return limits
}
