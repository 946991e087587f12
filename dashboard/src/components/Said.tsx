import { withoutControls } from '../format/bidi'

/**
 * A name or a text that comes from outside: from a machine or a person. It runs in its own
 * direction and can't move or turn what stands beside it.
 */
export function Said({ children }: { children: string }) {
  return <bdi>{withoutControls(children)}</bdi>
}
