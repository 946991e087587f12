/** Marks that lie in the time that is shown, numbered as they are drawn and listed. Pure. */
import type { ChartMark } from './series'

/** Most marks that are drawn; of more, the newest. */
export const MARKS_MAX = 50

export interface NumberedMark extends ChartMark {
  number: number
}

export function visibleMarks(
  marks: readonly ChartMark[],
  from: number,
  to: number,
): { shown: NumberedMark[]; cut: boolean } {
  const within = marks
    .filter((mark) => mark.at <= to && endOf(mark, to) >= from)
    .sort((a, b) => a.at - b.at)
  const shown = within.slice(-MARKS_MAX).map((mark, i) => ({ ...mark, number: i + 1 }))
  return { shown, cut: within.length > MARKS_MAX }
}

/** An alarm without an end lasts; a command without one was a moment. */
export function endOf(mark: ChartMark, to: number): number {
  return mark.until ?? (mark.kind === 'alarm' ? to : mark.at)
}
