/** Conditions for tests: each kind with all that it can say. */
import type { Condition } from './draft'

const OWN = { parameter: 'max_temperature', default: 80 }
const HOLD = { hold_s: 10, clear_hold_s: 5 }

/** Each kind with all that it can say, as the API answers it. */
export const KINDS: Condition[] = [
  { kind: 'threshold', signal: 't', unit: '°C', above: OWN, clear_at: 75.5, ...HOLD },
  { kind: 'threshold', signal: 'oil.pressure', below: 0, hold_s: 0, clear_hold_s: 0 },
  {
    kind: 'rate',
    signal: 't',
    per: 'minute',
    window_s: 300,
    below: -2,
    clear_at: OWN,
    wraps_at: 65_536,
    ...HOLD,
  },
  {
    kind: 'deviation',
    signal: 'a',
    from: 'b',
    measure: 'percent',
    above: 15,
    clear_at: 10,
    unit: 'bar',
    ...HOLD,
  },
  {
    kind: 'count',
    signal: 'door',
    is: [true],
    each: 'crossing',
    at_least: 20,
    window_s: 3600,
    clear_hold_s: 0,
  },
  { kind: 'count', signal: 't', below: 3, each: 'sample', at_least: 2, window_s: 1.5 },
  { kind: 'state', signal: 'state', is: ['starting', 'a, b'], ...HOLD },
  { kind: 'state', signal: 'mode', is_not: [1.5, 2], ...HOLD },
  { kind: 'missing', event: 'lift.test_call', of: 'value', for_s: 259_200 },
  { kind: 'missing', signal: 'p', of: 'change', is: [false], for_s: 300 },
  { kind: 'sequence', signal: 's', states: ['a', 'b', 'a'], within_s: 30, clear_hold_s: 1 },
  {
    kind: 'order',
    signal: 's',
    allowed: [
      { from: 'idle', to: ['starting'] },
      { from: 'starting', to: [] },
    ],
    clear_hold_s: 0,
  },
  {
    kind: 'schedule',
    weekdays: ['mon', 'fri'],
    from: '06:00',
    to: '24:00',
    time_zone: 'Europe/Berlin',
    outside: true,
  },
  { kind: 'schedule' },
  { kind: 'anomaly', signals: ['load', 'vibration'], train_rows: 500, clear_hold_s: 60 },
  { kind: 'anomaly', signals: ['load', 'vibration'], together: false, clear_hold_s: 300 },
]
export const [THRESHOLD, LOW] = KINDS as [Condition, Condition]
export const GROUPS: Condition[] = [
  { kind: 'all', conditions: KINDS.slice(0, 13), ...HOLD },
  { kind: 'any', conditions: [{ kind: 'all', conditions: [LOW], ...HOLD }], ...HOLD },
  { kind: 'while', while: KINDS[6] as Condition, condition: THRESHOLD },
  {
    kind: 'levels',
    levels: [
      { severity: 'warning', condition: LOW },
      { severity: 'critical', condition: THRESHOLD },
    ],
  },
  { kind: 'while', while: KINDS[6] as Condition, condition: KINDS.at(-1) as Condition },
]
