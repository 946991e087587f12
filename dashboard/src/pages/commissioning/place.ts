/** Where somebody is in the wizard, as the URL says it, and what has happened. Pure. */

export const STEPS = ['machine', 'way', 'connect', 'wait'] as const
export type Step = (typeof STEPS)[number]
export type Way = 'agent' | 'device'

export interface Place {
  step: Step
  machineId: string | undefined
  way: Way
  /** Since when it waits, in Unix milliseconds. */
  since: number | undefined
}

/** Without a machine it begins at the beginning, whatever the URL says. */
export function placeOf(query: URLSearchParams): Place {
  const machineId = query.get('machine') ?? undefined
  const since = Number(query.get('since') ?? NaN)
  return {
    step: (machineId && STEPS.find((step) => step === query.get('step'))) || 'machine',
    machineId,
    way: query.get('way') === 'device' ? 'device' : 'agent',
    since: Number.isFinite(since) ? since : undefined,
  }
}

export function queryOf(place: Place): URLSearchParams {
  const query = new URLSearchParams()
  if (place.machineId) query.set('machine', place.machineId)
  query.set('step', place.step)
  query.set('way', place.way)
  if (place.since !== undefined) query.set('since', String(place.since))
  return query
}

export interface Progress {
  registered: boolean
  /** It has a certificate, or a token. */
  enrolled: boolean
  /** It has been connected, if perhaps not now. */
  connected: boolean
  hasValues: boolean
}

/** Hints are given after so long at the same stage. */
export const HINTS_AFTER_MS = 45_000

export type Hint =
  'codeEnded' | 'reach' | 'folder' | 'run' | 'port' | 'clock' | 'nothing' | 'refused'

/** What may be wrong, the likeliest first. */
export function hintsOf(
  progress: Progress,
  way: Way,
  codeEndsAt: number | undefined,
  now: number,
): Hint[] {
  if (progress.hasValues) return []
  if (progress.connected) return ['nothing', 'refused']
  if (way === 'device') return ['port', 'clock']
  if (progress.enrolled) return ['run', 'port', 'clock']
  const ended = codeEndsAt !== undefined && codeEndsAt <= now
  return ended ? ['codeEnded'] : ['reach', 'folder', 'clock']
}

/** The stage that is waited for. */
export function stageOf(progress: Progress): number {
  return [progress.registered, progress.enrolled, progress.connected, progress.hasValues].filter(
    Boolean,
  ).length
}
