/** Why an alarm was raised, from what it tells of its cause. Pure; what isn't understood is left out. */

/** What a rule that learns looks at in a signal by itself. */
const ASPECTS = ['level', 'range', 'season', 'jump', 'spread', 'shape'] as const
export type Aspect = (typeof ASPECTS)[number]

/** What a rule that learns has found in one signal, or in one aspect of it. */
export interface Finding {
  /** Of the signal, or of the aspect. */
  name: string
  /** Where it is one that is known here. */
  aspect: Aspect | undefined
  /** Whose it is. */
  signal: string | undefined
  /** Its share of the evidence, 0 to 1. */
  share: number
  observed: number | undefined
  expected: number | undefined
  spread: number | undefined
  /** How far it is from what is usual, in standard deviations. */
  sigmas: number | undefined
  text: string
}

export type CauseKind =
  'threshold' | 'rate' | 'deviation' | 'count' | 'state' | 'missing' | 'sequence' | 'order'

/** One condition that was true. */
export interface Cause {
  kind: CauseKind
  /** The signal or the event. */
  what: string
  value: unknown
  limit: number | undefined
  side: 'above' | 'below' | undefined
  /** What a deviation is compared with. */
  from: string | undefined
  isPercent: boolean
  per: 'second' | 'minute' | 'hour' | undefined
  /** The hold time, window or longest absence, in seconds. */
  seconds: number | undefined
}

const KINDS: readonly CauseKind[] = [
  'rate',
  'deviation',
  'count',
  'state',
  'missing',
  'sequence',
  'order',
]
const PERS = ['second', 'minute', 'hour'] as const

/** What a rule's context calls the key of its message. */
export const MESSAGE_KEY = 'message_key'

type Told = Record<string, unknown>

/** Of what the platform has made a message; undefined where it is a person's or not known here. */
export function madeOf(context: object): 'condition' | 'anomaly' | undefined {
  const key = (context as Told)[MESSAGE_KEY]
  return key === 'condition' || key === 'anomaly' ? key : undefined
}

/** The most telling first. */
export function findingsOf(context: object): Finding[] {
  const told = context as Told
  if (told.kind !== 'anomaly') return []
  return records(told.findings)
    .map((each) => findingOf(each, wordOf(told.signal)))
    .sort((a, b) => b.share - a.share)
}

function findingOf(told: Told, signalOfAll: string | undefined): Finding {
  const [observed, expected, spread] = [told.observed, told.expected, told.spread].map(numberOf)
  const hasBoth = observed !== undefined && expected !== undefined
  const signal = wordOf(told.signal)
  const aspect = signal === undefined ? ASPECTS.find((each) => each === told.aspect) : undefined
  // What a range varies by is its width.
  const sigmas =
    aspect !== 'range' && hasBoth && spread !== undefined && spread > 0
      ? (observed - expected) / spread
      : NaN
  return {
    name: signal ?? wordOf(told.aspect) ?? '',
    aspect,
    signal: signal ?? signalOfAll,
    share: Math.min(1, Math.max(0, numberOf(told.share) ?? 0)),
    observed,
    expected,
    spread,
    sigmas: Number.isFinite(sigmas) ? sigmas : undefined,
    text: wordOf(told.text) ?? '',
  }
}

/** The conditions that were true, as far as they are told. */
export function causesOf(context: object): Cause[] {
  const told = context as Told
  if (told.kind === 'anomaly') return []
  const several = records(told.causes)
  return (several.length > 0 ? several : [told]).flatMap(causeOf)
}

function causeOf(told: Told): Cause[] {
  const what = wordOf(told.signal) ?? wordOf(told.event)
  const kind = told.kind === undefined ? 'threshold' : KINDS.find((each) => each === told.kind)
  if (!what || !kind) return []
  // A fault tells whatever its machine likes.
  if (kind === 'threshold' && numberOf(told.limit) === undefined) return []
  const cause: Cause = {
    kind,
    what,
    value: told.value,
    limit: numberOf(told.limit),
    side: told.side === 'above' || told.side === 'below' ? told.side : undefined,
    from: wordOf(told.from),
    isPercent: told.measure === 'percent',
    per: PERS.find((each) => each === told.per),
    seconds: numberOf(told.hold_s) ?? numberOf(told.window_s) ?? numberOf(told.for_s),
  }
  return [cause]
}

/** Signals that an alarm's context names: its own, those of other causes, those of findings. */
export function signalsOfContext(context: object): string[] {
  const told = context as Told
  const parts = [told, ...records(told.findings), ...records(told.causes)]
  const names = parts.flatMap(({ signal, from }) => [wordOf(signal), wordOf(from)])
  return [...new Set(names.filter((name) => name !== undefined))]
}

function records(value: unknown): Told[] {
  if (!Array.isArray(value)) return []
  return value.filter((each): each is Told => typeof each === 'object' && each !== null)
}

function numberOf(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined
}

function wordOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined
}
