/**
 * Newest values of the machines that are looked at, kept new: one request at a time, none while the
 * tab is hidden, and less often when the platform is slow or refuses.
 */
import { ProblemError, troubleOf } from '../../../api/problem'
import type { MachineLatest, Page, Signal } from '../../../api/types'
import { type Known, nextOf, withPage } from './plan'

/** After a failure, longer after each further one. */
export const PAUSE_MS = { first: 2_000, longest: 60_000 }

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
  cursor: string | undefined,
  stop: AbortSignal,
) => Promise<Page<MachineLatest>>

const NOTHING: Snapshot = { values: new Map(), error: undefined }

export class ValuesFollower {
  readonly #ask: Ask
  readonly #listeners = new Set<() => void>()
  #current = NOTHING
  #signals: readonly string[] = []
  #pages: readonly Known[] = []
  #machines: readonly string[] = []
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
    this.#beginAnew()
    const values: Snapshot['values'] = signals.length > 0 ? this.#current.values : new Map()
    this.#tell({ values, error: undefined })
    this.#plan()
  }

  /** These machines are looked at. */
  readonly see = (machines: readonly string[]): void => {
    this.#machines = machines
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

  /** After a failure: at once, and from the first page. */
  readonly retry = (): void => {
    this.#beginAnew()
    this.#tell({ ...this.#current, error: undefined })
    this.#plan()
  }

  #beginAnew(): void {
    this.#asking?.abort()
    this.#asking = undefined
    this.#pages = []
    this.#isRefused = false
    this.#pause = PAUSE_MS.first
    this.#notBefore = 0
  }

  #plan(): void {
    clearTimeout(this.#timer)
    if (!this.#isOn || this.#asking || this.#isRefused || this.#signals.length === 0) return
    const next = nextOf(this.#pages, this.#machines)
    if (!next) return
    const waitMs = Math.max(next.dueAt, this.#notBefore) - Date.now()
    if (waitMs <= 0) void this.#askFor(next.place)
    else this.#timer = setTimeout(() => this.#plan(), waitMs)
  }

  async #askFor(place: number): Promise<void> {
    const stop = new AbortController()
    this.#asking = stop
    const signals = this.#signals
    const known = this.#pages[place]
    const cursor = known ? known.cursor : this.#pages.at(-1)?.next
    const from = Date.now()
    try {
      const page = await this.#ask(signals, cursor, stop.signal)
      if (!stop.signal.aborted) this.#keep(signals, place, cursor, page, Date.now() - from)
    } catch (error) {
      if (!stop.signal.aborted) this.#fail(error)
    }
    if (this.#asking !== stop) return
    this.#asking = undefined
    this.#plan()
  }

  #keep(
    asked: readonly string[],
    place: number,
    cursor: string | undefined,
    page: Page<MachineLatest>,
    tookMs: number,
  ): void {
    const before = this.#pages
    const machines = new Set(page.items.map(({ machine_id }) => machine_id))
    const fresh = { cursor, next: page.next_cursor ?? undefined, machines, at: Date.now(), tookMs }
    this.#pages = withPage(before, place, fresh)
    const values = new Map(this.#current.values)
    // Machines that were in its place and are gone.
    const left = before.slice(place, fresh.next === undefined ? undefined : place + 1)
    for (const each of left) for (const machine of each.machines) values.delete(machine)
    for (const { machine_id, signals } of page.items) {
      values.set(machine_id, { asked, of: new Map(signals.map((each) => [each.signal, each])) })
    }
    this.#pause = PAUSE_MS.first
    this.#tell({ values, error: undefined })
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
