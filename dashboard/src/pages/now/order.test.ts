import { describe, expect, it } from 'vitest'
import type { Alarm, Command, Ticket } from '../../api/types'
import { byUrgency, isShelved } from '../../components/alarms/words'
import { byPriority, bySeverity, byWaiting } from './order'

const at = (minute: number) => new Date(minute * 60_000).toISOString()

describe('what stands first', () => {
  it('is the alarm that nobody has acknowledged, then the worst, then the newest', () => {
    const alarm = (id: string, acknowledged: boolean, severity: Alarm['severity'], minute = 0) =>
      ({ id, acknowledged, severity, raised_at: at(minute) }) as Alarm
    const sorted = [
      alarm('seen', true, 'critical'),
      alarm('minor', false, 'minor'),
      alarm('old', false, 'major', 1),
      alarm('new', false, 'major', 2),
    ].sort(byUrgency)
    expect(sorted.map(({ id }) => id)).toEqual(['new', 'old', 'minor', 'seen'])
    expect(bySeverity(sorted)).toEqual([
      ['critical', 1],
      ['major', 2],
      ['minor', 1],
    ])
  })

  it('is the ticket of the highest priority, then the oldest', () => {
    const ticket = (id: string, priority: Ticket['priority'], minute: number) =>
      ({ id, priority, created_at: at(minute) }) as Ticket
    const sorted = [ticket('c', 'P3', 0), ticket('b', 'P1', 2), ticket('a', 'P1', 1)]
    expect(sorted.sort(byPriority).map(({ id }) => id)).toEqual(['a', 'b', 'c'])
  })

  it('is the command that waits for somebody', () => {
    const command = (state: Command['state'], minute: number) =>
      ({ state, created_at: at(minute) }) as Command
    const sorted = [
      command('running', 0),
      command('awaiting_approval', 1),
      command('awaiting_consent', 3),
      command('awaiting_consent', 2),
    ].sort(byWaiting)
    expect(sorted.map(({ state, created_at }) => [state, created_at])).toEqual([
      ['awaiting_consent', at(2)],
      ['awaiting_consent', at(3)],
      ['awaiting_approval', at(1)],
      ['running', at(0)],
    ])
  })
})

describe('an alarm', () => {
  it('is shelved until its time is over', () => {
    expect(isShelved({ shelved_until: at(10) }, 9 * 60_000)).toBe(true)
    expect(isShelved({ shelved_until: at(10) }, 10 * 60_000)).toBe(false)
    expect(isShelved({ shelved_until: null }, 0)).toBe(false)
  })
})
