/**
 * Whether the platform can store and read: what `/readyz` says, as one state for the whole tab.
 * Asked once a minute, more often while something is wrong, and at once after a refusal with 503.
 */
import { useSyncExternalStore } from 'react'

/** Parts of the platform without which nothing is stored; the worst first. */
const PARTS = ['database', 'intake'] as const
export type Part = (typeof PARTS)[number]

export interface Outage {
  part: Part
  /** Why, as the platform says it. */
  reason: string | undefined
  /** When it was first noticed, in Unix milliseconds. */
  since: number
  /** Whether this tab had seen it work before, so that it began then. */
  sawBegin: boolean
}

const POLL_MS = { well: 60_000, outage: 5_000 }
/** Refusals that come together are looked into once. */
const GATHER_MS = 1_000
/** Longer than the platform gives its own checks. */
const ANSWER_MS = 15_000
const REASON_MAX = 300

let outage: Outage | undefined
let began: { at: number; sawBegin: boolean } | undefined
let hasWorked = false
const listeners = new Set<() => void>()
const onOver = new Set<() => void>()
let ask: (() => void) | undefined

/** What is wrong now, or nothing. */
export function useOutage(): Outage | undefined {
  return useSyncExternalStore(subscribe, currentOutage)
}

export function currentOutage(): Outage | undefined {
  return outage
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener)
  return () => listeners.delete(listener)
}

/** Called when an outage is over. Returns how to stop. */
export function onRecovery(listener: () => void): () => void {
  onOver.add(listener)
  return () => onOver.delete(listener)
}

/** A request was refused: with 503 it is looked into why. */
export function noteStatus(status: number): void {
  if (status === 503) ask?.()
}

/** Asks until stopped. Called once. */
export function followReadiness(): () => void {
  const stop = new AbortController()
  let timer: ReturnType<typeof setTimeout> | undefined
  let isAsking = false
  let isGathering = false
  const next = (ms: number) => {
    clearTimeout(timer)
    if (!stop.signal.aborted) timer = setTimeout(() => void check(), ms)
  }
  const check = async () => {
    if (isAsking) return
    isAsking = true
    isGathering = false
    const found = await readReadiness(stop.signal)
    isAsking = false
    if (stop.signal.aborted) return
    take(found)
    next(began ? POLL_MS.outage : POLL_MS.well)
  }
  ask = () => {
    if (isAsking || isGathering || outage) return
    isGathering = true
    next(GATHER_MS)
  }
  void check()
  return () => {
    stop.abort()
    clearTimeout(timer)
    ask = undefined
    set(undefined)
    began = undefined
    hasWorked = false
  }
}

type Found = { part: Part; reason: string | undefined } | 'well' | 'unreached' | 'silent'

async function readReadiness(stop: AbortSignal): Promise<Found> {
  const once = new AbortController()
  let isLate = false
  const end = () => once.abort()
  const timer = setTimeout(() => {
    isLate = true
    end()
  }, ANSWER_MS)
  stop.addEventListener('abort', end, { once: true })
  try {
    const response = await fetch('/readyz', { cache: 'no-store', signal: once.signal })
    return foundIn(await response.json())
  } catch {
    return isLate ? 'silent' : 'unreached'
  } finally {
    clearTimeout(timer)
    stop.removeEventListener('abort', end)
  }
}

/** What an answer of `/readyz` says; an answer of somebody else, such as a proxy, says nothing. */
export function foundIn(answer: unknown): Found {
  if (!isObject(answer) || !isObject(answer.checks)) return 'unreached'
  for (const part of PARTS) {
    const check = answer.checks[part]
    if (!isObject(check) || check.ok !== false) continue
    const reason = typeof check.reason === 'string' ? check.reason.slice(0, REASON_MAX) : undefined
    return { part, reason }
  }
  return 'well'
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}

function take(found: Found): void {
  // It was reached but took too long: what was known last still holds.
  if (found === 'silent') return
  // Nobody answers: then it is the platform that is away, and another notice says so.
  if (found === 'unreached') return set(undefined)
  if (found === 'well') {
    const wasOut = began !== undefined
    began = undefined
    hasWorked = true
    set(undefined)
    if (wasOut) onOver.forEach((listener) => listener())
    return
  }
  began ??= { at: Date.now(), sawBegin: hasWorked }
  set({ ...found, since: began.at, sawBegin: began.sawBegin })
}

function set(now: Outage | undefined): void {
  if (now?.part === outage?.part && now?.reason === outage?.reason && now?.since === outage?.since)
    return
  outage = now
  listeners.forEach((listener) => listener())
}
