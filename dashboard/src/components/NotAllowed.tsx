import { ProblemError } from '../api/problem'
import { Failed } from './Loaded'

const FORBIDDEN = new ProblemError(403, { type: 'about:blank', title: 'Forbidden', status: 403 })

/** In the place of what the person who is signed in may not see or do. */
export function NotAllowed() {
  return <Failed error={FORBIDDEN} />
}
