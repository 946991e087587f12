import { useState } from 'react'
import { isSame, type Range, type Step, stepped } from './zoom'

/** Called when a person has chosen a part of the time, or undefined for the whole. */
export type OnZoom = (range: Range | undefined) => void

/** The part of the time that is shown: the page's business when it wants it, else the chart's own. */
export function useZoom(whole: Range, within: Range | undefined, onZoom: OnZoom | undefined) {
  const [part, setPart] = useState<Range>()
  const shown = onZoom ? whole : (part ?? whole)
  // The page may have gone on to another time since.
  const isZoomed = part !== undefined && (!onZoom || isSame(part, whole))
  const select = (range: Range | undefined) => {
    setPart(range)
    onZoom?.(range)
  }
  const step = (to: Step) => {
    if (to === 'whole') {
      if (isZoomed) select(undefined)
      return
    }
    const next = stepped(to, shown, within ?? (onZoom ? upToNow(shown) : whole))
    if (isSame(next, shown)) return
    select(!onZoom && isSame(next, whole) ? undefined : next)
  }
  return { ...shown, isZoomed, select, step }
}

/** A page without bounds has all of the past, and nothing of the future but what it shows. */
function upToNow(shown: Range): Range {
  return { from: -Infinity, to: Math.max(shown.to, Date.now()) }
}
