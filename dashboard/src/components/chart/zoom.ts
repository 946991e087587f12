/** The part of the time that a chart shows, and how keys and buttons change it. Pure. */

/** In Unix milliseconds. */
export interface Range {
  from: number
  to: number
}
export type Step = 'in' | 'out' | 'earlier' | 'later' | 'whole'

/** The shortest and the longest time that steps lead to. */
export const SPAN_MIN_MS = 1_000
export const SPAN_MAX_MS = 20 * 366 * 86_400_000
/** So much of the time that is shown a step goes to the side. */
const ASIDE = 0.25

const KEYS = new Map<string, Step>([
  ['+', 'in'],
  // The same key without Shift, on many keyboards.
  ['=', 'in'],
  ['-', 'out'],
  ['_', 'out'],
  ['ArrowLeft', 'earlier'],
  ['ArrowRight', 'later'],
  ['0', 'whole'],
])

interface Pressed {
  key: string
  ctrlKey: boolean
  metaKey: boolean
  altKey: boolean
}

/** What a key means to a chart; with Ctrl and the like it is the browser's. */
export function stepOf({ key, ctrlKey, metaKey, altKey }: Pressed): Step | undefined {
  return ctrlKey || metaKey || altKey ? undefined : KEYS.get(key)
}

/** What is shown after a step, never outside of these bounds. */
export function stepped(step: Exclude<Step, 'whole'>, shown: Range, within: Range): Range {
  const span = shown.to - shown.from
  switch (step) {
    case 'in':
      return around(shown, Math.min(span, Math.max(span / 2, SPAN_MIN_MS)), within)
    case 'out':
      return around(shown, Math.max(span, Math.min(span * 2, SPAN_MAX_MS)), within)
    case 'earlier':
      return kept({ from: shown.from - span * ASIDE, to: shown.to - span * ASIDE }, within)
    case 'later':
      return kept({ from: shown.from + span * ASIDE, to: shown.to + span * ASIDE }, within)
  }
}

export function isSame(one: Range, other: Range): boolean {
  return one.from === other.from && one.to === other.to
}

function around({ from, to }: Range, span: number, within: Range): Range {
  const middle = from + (to - from) / 2
  return kept({ from: middle - span / 2, to: middle + span / 2 }, within)
}

/** Moved, and cut where that isn't enough, so that it is within the bounds. */
function kept({ from, to }: Range, within: Range): Range {
  const span = Math.round(Math.min(to - from, within.to - within.from))
  const start = Math.max(within.from, Math.min(Math.round(from), within.to - span))
  return { from: start, to: start + span }
}
