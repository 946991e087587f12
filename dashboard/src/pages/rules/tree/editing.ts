/** What the parts of the tree's editor share. */
import type { Signal } from '../../../api/types'
import type { Draft, LeafFields } from './draft'

export interface Editing {
  root: Draft
  /** Texts by `fieldAt`. */
  errors: Readonly<Record<string, string>>
  /** What the machine measures, to choose from. */
  signals: readonly Signal[]
  /** Puts another tree in the place of this one. */
  change: (root: Draft) => void
  /** Takes a part away, which can be undone. */
  remove: (key: string) => void
  /** The part that was just added, which gets the focus. */
  fresh: string | undefined
  setFresh: (key: string | undefined) => void
}

/** Sets fields of a leaf. */
export type SetFields = (fields: Partial<LeafFields>) => void
