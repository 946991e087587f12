import { useFormat } from '../../../format/use'

/** A share as percent: `12.5 %`, or nothing where it isn't known. */
export function useShare(): (share: number | null | undefined) => string {
  const format = useFormat()
  return (share) =>
    share === null || share === undefined ? '–' : `${format.number(share * 100, 1)}\u00a0%`
}
