/** Which machines the page shows and in which order, as the URL says it. Pure. */
import type { Machine, Severity } from '../../api/types'
import { millis } from '../../format/format'
import { chosenOf } from './values/chosen'
import { newestOf, valueKey } from './values/newest'
import type { MachineValues } from './values/valuesFollower'

export const COLUMNS = [
  'name',
  'model',
  'site',
  'state',
  'connection',
  'contact',
  'alarms',
  'maintenance',
] as const
export type Column = (typeof COLUMNS)[number]
/** The newest values of the signal that is named. */
export type SignalColumn = `signal:${string}`
/** What the list can be sorted by. */
export type Sort = Column | SignalColumn

const SIGNAL = 'signal:'

export function columnOf(signal: string): SignalColumn {
  return `${SIGNAL}${signal}`
}

export function isSignalColumn(column: Sort): column is SignalColumn {
  return column.startsWith(SIGNAL)
}

export function signalOf(column: SignalColumn): string {
  return column.slice(SIGNAL.length)
}

/** All columns: what a person chose stands beside the name, where it needs no scrolling. */
export function columnsOf(signals: readonly string[]): Sort[] {
  const [name, ...others] = COLUMNS
  return [name, ...signals.map(columnOf), ...others]
}

export interface View {
  q: string
  state: Machine['state'] | undefined
  connection: 'online' | 'offline' | undefined
  alarms: boolean
  site: string | undefined
  /** Whose newest values are columns. */
  signals: readonly string[]
  sort: Sort
  descending: boolean
}

const STATES: readonly Machine['state'][] = ['registered', 'commissioned', 'decommissioned']

/** What the URL asks for; what it says wrongly counts as not said. */
export function viewOf(query: URLSearchParams): View {
  const connection = query.get('connection')
  const signals = chosenOf(query.getAll('signal'))
  return {
    q: query.get('q') ?? '',
    state: STATES.find((state) => state === query.get('state')),
    connection: connection === 'online' || connection === 'offline' ? connection : undefined,
    alarms: query.get('alarms') === '1',
    site: query.get('site') ?? undefined,
    signals,
    sort: columnsOf(signals).find((column) => column === query.get('sort')) ?? 'name',
    descending: query.get('order') === 'desc',
  }
}

/** The URL of a view: only what isn't as at first. */
export function queryOf(view: View): URLSearchParams {
  const query = new URLSearchParams()
  if (view.q) query.set('q', view.q)
  if (view.state) query.set('state', view.state)
  if (view.connection) query.set('connection', view.connection)
  if (view.alarms) query.set('alarms', '1')
  if (view.site) query.set('site', view.site)
  for (const signal of view.signals) query.append('signal', signal)
  if (view.sort !== 'name') query.set('sort', view.sort)
  if (view.descending) query.set('order', 'desc')
  return query
}

/** The change to other signals; what has no column any more sorts nothing. */
export function withSignals(view: View, signals: readonly string[]): Partial<View> {
  const isKept = columnsOf(signals).includes(view.sort)
  return isKept ? { signals } : { signals, sort: 'name', descending: false }
}

/** Whether it leaves anything out. */
export function isNarrowed(view: View): boolean {
  return !!(view.q || view.state || view.connection || view.alarms || view.site)
}

/** What only the browser can filter; the rest is the platform's. */
export function isShown(machine: Machine, view: View): boolean {
  if (view.connection && machine.connection.connected !== (view.connection === 'online')) {
    return false
  }
  return !view.alarms || (machine.alarms?.active ?? 0) > 0
}

const SEVERITIES: readonly Severity[] = ['indeterminate', 'warning', 'minor', 'major', 'critical']

/** What a column is sorted by; undefined, where there is no value, comes last in either direction. */
export function keyOf(
  machine: Machine,
  column: Sort,
  site: string,
  values: MachineValues | undefined,
): string | number | undefined {
  if (!isSignalColumn(column)) return sortKey(machine, column, site)
  return valueKey(newestOf(machine, values, signalOf(column)))
}

/** What a column is sorted by: text, or a number of which more is later, worse or longer. */
export function sortKey(machine: Machine, column: Column, site: string): string | number {
  switch (column) {
    case 'name':
      return machine.name
    case 'model':
      return machine.model ?? ''
    case 'site':
      return site
    case 'state':
      return STATES.indexOf(machine.state)
    case 'connection':
      if (machine.connection.connected) return 2
      return machine.connection.last_seen_at ? 1 : 0
    case 'contact':
      return machine.connection.last_seen_at ? millis(machine.connection.last_seen_at) : 0
    case 'alarms': {
      const { active = 0, worst } = machine.alarms ?? {}
      return active === 0 ? 0 : (worst ? SEVERITIES.indexOf(worst) + 1 : 1) * 1e6 + active
    }
    case 'maintenance':
      return machine.maintenance_until ? millis(machine.maintenance_until) : 0
  }
}

/** Compares texts as people sort them: `Mill 2` before `Mill 10`; numbers before texts. */
export function comparer(language: string) {
  const { compare } = new Intl.Collator(language, { numeric: true, sensitivity: 'accent' })
  return (a: string | number, b: string | number): number => {
    if (typeof a === 'number') return typeof b === 'number' ? a - b : -1
    return typeof b === 'number' ? 1 : compare(a, b)
  }
}
