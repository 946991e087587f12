/**
 * Newest values of the machines that are looked at, kept new: one request at a time, none while the
 * tab is hidden, and less often when the platform is slow or refuses. What isn't there yet is asked for at
 * once; what is only old, for a tenth of the time at most.
 */
import type { LatestOf } from '../../../api/latest'
import { ROWS_MAX } from '../../../api/pages'
import { ProblemError, troubleOf } from '../../../api/problem'
import type { MachineLatest, Page, Signal } from '../../../api/types'
import { type Known, type Next, nextOf, SHARE, withPage } from './plan'

/** After a failure, longer after each further one. */
export const PAUSE_MS = { first: 2_000, longest: 60_000 }
/** Of more machines than a list has, only values that are looked at are kept. */
export const MACHINES_MAX = ROWS_MAX

/** Newest values of a machine. */
export interface MachineValues {
  /** What was asked for; a signal of these that isn't in `of` the machine doesn't have. */
  asked: readonly string[]
  of: ReadonlyMap<string, Signal>
}

export interface Snapshot {
  /** By machine. */
  values: ReadonlyMap<string, MachineValues>
  /** Why values can't be had now; those that are there may be old. */
  error: unknown
}

export type Ask = (
  signals: readonly string[],
  of: LatestOf,
  stop: AbortSignal,
) => Promise<Page<MachineLatest>>

const NOTHING: Snapshot = { values: new Map(), error: undefined }

export class ValuesFollower {
  readonly #ask: Ask
  readonly #listeners = new Set<() => void>()
  #current = NOTHING
  #signals: readonly string[] = []
  #machines: ReadonlySet<string> = new Set()
  #pages: readonly Known[] = []
  /** When each machine was last answered for. */
  #at = new Map<string, number>()
  #restUntil = 0
  #asking: AbortController | undefined
  #timer: ReturnType<typeof setTimeout> | undefined
  #isOn = false
  /** Asking again would be refused again. */
  #isRefused = false
  #pause = PAUSE_MS.first
  #notBefore = 0

  constructor(ask: Ask) {
    this.#ask = ask
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  readonly snapshot = (): Snapshot => this.#current

  /** These signals from now on; the values of those that stay are shown until there are new ones. */
  follow(signals: readonly string[]): void {
    if (JSON.stringify(signals) === JSON.stringify(this.#signals)) return
    this.#signals = signals
    this.#forget()
    this.#dropTrouble()
    const values: Snapshot['values'] = signals.length > 0 ? this.#current.values : new Map()
    this.#tell({ values, error: undefined })
    this.#plan()
  }

  /** These machines are looked at. */
  readonly see = (machines: readonly string[]): void => {
    this.#machines = new Set(machines)
    this.#plan()
  }

  /** Begins to ask, or goes on. */
  resume(): void {
    this.#isOn = true
    this.#plan()
  }

  /** Asks nothing new. */
  rest(): void {
    this.#isOn = false
    clearTimeout(this.#timer)
  }

  /** Asks nothing new, and doesn't wait for what was asked. */
  stop(): void {
    this.rest()
    this.#asking?.abort()
    this.#asking = undefined
  }

  /** After a failure: goes on at once, or all over when the platform had refused. */
  readonly retry = (): void => {
    if (this.#isRefused) this.#forget()
    this.#dropTrouble()
    this.#tell({ ...this.#current, error: undefined })
    this.#plan()
  }

  /** What was had counts as not asked for yet. */
  #forget(): void {
    this.#pages = []
    this.#at.clear()
  }

  #dropTrouble(): void {
    this.#asking?.abort()
    this.#asking = undefined
    this.#isRefused = false
    this.#pause = PAUSE_MS.first
    this.#notBefore = 0
  }

  #plan(): void {
    clearTimeout(this.#timer)
    if (!this.#isOn || this.#asking || this.#isRefused || this.#signals.length === 0) return
    const had = { at: this.#at, pages: this.#pages, restUntil: this.#restUntil }
    const next = nextOf(had, this.#machines)
    if (!next) return
    const waitMs = Math.max(next.dueAt, this.#notBefore) - Date.now()
    if (waitMs <= 0) void this.#askFor(next)
    else this.#timer = setTimeout(() => this.#plan(), waitMs)
  }

  async #askFor(next: Next): Promise<void> {
    const stop = new AbortController()
    this.#asking = stop
    const signals = this.#signals
    const of =
      'place' in next ? { cursor: this.#cursorOf(next.place) } : { machines: next.machines }
    const from = Date.now()
    try {
      const page = await this.#ask(signals, of, stop.signal)
      if (!stop.signal.aborted) this.#keep(signals, next, page, from)
    } catch (error) {
      if (!stop.signal.aborted) this.#fail(error)
    }
    if (this.#asking !== stop) return
    this.#asking = undefined
    this.#plan()
  }

  #cursorOf(place: number): string | undefined {
    const known = this.#pages[place]
    return known ? known.cursor : this.#pages.at(-1)?.next
  }

  #keep(asked: readonly string[], next: Next, page: Page<MachineLatest>, from: number): void {
    const now = Date.now()
    const values = new Map(this.#current.values)
    const before = 'place' in next ? this.#turnTo(next.place, page) : next.machines
    for (const machine of before) {
      values.delete(machine)
      this.#at.delete(machine)
    }
    // One without an item has no values to be seen; asking at once again wouldn't change that.
    if ('machines' in next) for (const machine of next.machines) this.#at.set(machine, now)
    for (const { machine_id, signals } of page.items) {
      this.#at.set(machine_id, now)
      values.set(machine_id, { asked, of: new Map(signals.map((each) => [each.signal, each])) })
    }
    if (Math.max(this.#at.size, values.size) > MACHINES_MAX) {
      keepOnly(this.#at, this.#machines)
      keepOnly(values, this.#machines)
    }
    this.#restUntil = now + (SHARE - 1) * (now - from)
    this.#pause = PAUSE_MS.first
    this.#tell({ values, error: undefined })
  }

  /** Puts the page in its place. Returns the machines that were there. */
  #turnTo(place: number, page: Page<MachineLatest>): string[] {
    const before = this.#pages
    const fresh = {
      cursor: this.#cursorOf(place),
      next: page.next_cursor ?? undefined,
      machines: new Set(page.items.map(({ machine_id }) => machine_id)),
    }
    this.#pages = withPage(before, place, fresh)
    const left = before.slice(place, fresh.next === undefined ? undefined : place + 1)
    return left.flatMap(({ machines }) => [...machines])
  }

  #fail(error: unknown): void {
    const trouble = troubleOf(error)
    this.#isRefused = trouble === 'forbidden' || trouble === 'missing' || trouble === 'refused'
    const saidMs = error instanceof ProblemError ? (error.retryAfterS ?? 0) * 1_000 : 0
    this.#notBefore = Date.now() + Math.max(this.#pause, saidMs)
    this.#pause = Math.min(this.#pause * 2, PAUSE_MS.longest)
    this.#tell({ ...this.#current, error })
  }

  #tell(snapshot: Snapshot): void {
    this.#current = snapshot
    this.#listeners.forEach((listener) => listener())
  }
}

function keepOnly(all: Map<string, unknown>, machines: ReadonlySet<string>): void {
  for (const machine of all.keys()) if (!machines.has(machine)) all.delete(machine)
}
