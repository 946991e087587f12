import { describe, expect, it } from 'vitest'
import type { Alarm, CatalogueEntry, Command, Evidence, TicketComment } from '../../api/types'
import { chartSeries, firstShown, kindOf, ordered, spanOf } from './evidence'
import { isSplittable } from './splitting'
import { descriptionOf, guideOf } from './guide'
import { moveWord } from './Moves'
import { changesOf, noteOf, wordOf } from './notes'

const alarm = (part: Partial<Alarm>): Alarm =>
  ({
    origin: 'fault',
    code: 'E-1',
    severity: 'minor',
    active: true,
    acknowledged: false,
    raised_at: '2026-11-25T12:00:00Z',
    ...part,
  }) as Alarm

const entry = (name: string, remedy_for?: string[]): CatalogueEntry =>
  ({ name, remedy_for, class: 'motion', description: {} }) as CatalogueEntry

const command = (state: Command['state'], name: string = state): Command =>
  ({ name, state }) as Command

describe('what to do', () => {
  it('names the worst active alarm and the commands that remedy its fault', () => {
    const guide = guideOf(
      [
        alarm({ code: 'E-1' }),
        alarm({ code: 'E-2', severity: 'critical' }),
        alarm({ code: 'E-3', severity: 'critical', active: false }),
      ],
      [],
      [entry('ping'), entry('reset', ['E-2']), entry('other', ['E-3'])],
    )
    expect(guide.alarm?.code).toBe('E-2')
    expect(guide.faultCodes).toEqual(['E-2', 'E-1'])
    expect(guide.remedies.map(({ name }) => name)).toEqual(['reset'])
  })

  it("takes a rule's id for no fault", () => {
    const guide = guideOf([alarm({ origin: 'rule', code: 'E-2' })], [], [entry('reset', ['E-2'])])
    expect(guide.faultCodes).toEqual([])
    expect(guide.remedies).toEqual([])
  })

  it('tells the command that waits for somebody before one that runs', () => {
    const waits = [command('running'), command('awaiting_consent'), command('failed')]
    expect(guideOf([], waits, []).underWay?.state).toBe('awaiting_consent')
  })

  it('tells what went wrong only of the newest command', () => {
    expect(guideOf([], [command('rejected'), command('succeeded')], []).wentWrong?.state).toBe(
      'rejected',
    )
    expect(guideOf([], [command('succeeded'), command('rejected')], []).wentWrong).toBeUndefined()
  })

  it('describes a command in the language, else in English, else by its name', () => {
    const described = { ...entry('reset'), description: { en: 'Reset', de: 'Quittieren' } }
    expect(descriptionOf(described, 'de')).toBe('Quittieren')
    expect(descriptionOf(described, 'fr')).toBe('Reset')
    expect(descriptionOf(entry('reset'), 'de')).toBe('reset')
  })
})

describe('evidence', () => {
  const series = (signal: string, ...values: unknown[]) => ({
    signal,
    cut: false,
    points: values.map((value, index) => [1000 * index, value]),
  })
  const evidence = {
    from: new Date(0).toISOString(),
    to: new Date(60_000).toISOString(),
    series: [
      series('program', 'O1', 'O2'),
      series('constant', 5, 5),
      series('load', null, 20, 10),
      series('parts_made', 1, 2, 2),
      series('axis.x.vibration', 1, 2.5),
      series('door.open', false, true),
    ],
  } as unknown as Evidence

  it('puts numbers that go up and down first, of these what the alarm is about', () => {
    const signals = ordered(evidence, 'axis.x').map(({ signal }) => signal)
    expect(signals).toEqual([
      'axis.x.vibration',
      'load',
      'constant',
      'parts_made',
      'program',
      'door.open',
    ])
    expect(firstShown(ordered(evidence, 'axis.x'))).toEqual(['axis.x.vibration', 'load'])
  })

  it('knows the kind of a signal by its values', () => {
    expect(evidence.series.map(kindOf)).toEqual([
      'text',
      'number',
      'number',
      'number',
      'number',
      'boolean',
    ])
  })

  it('gives points as a chart wants them', () => {
    const load = evidence.series[2]
    if (!load) throw new Error('no series')
    expect(chartSeries(load, 'A')).toEqual({
      kind: 'number',
      signal: 'load',
      unit: 'A',
      resolution: 0,
      points: [
        [0, null, null, null],
        [1000, 20, 20, 20],
        [2000, 10, 10, 10],
      ],
    })
  })

  it('shows the time that the samples cover, else the whole', () => {
    expect(spanOf(evidence)).toEqual({ from: 0, to: 2000 })
    expect(spanOf({ ...evidence, series: [] })).toEqual({ from: 0, to: 60_000 })
  })
})

describe('notes', () => {
  const comment = (note: string | null, data: Record<string, unknown> = {}): TicketComment =>
    ({ note, data, text: '' }) as unknown as TicketComment

  it("knows the platform's notes, and takes others for what they are", () => {
    expect(noteOf(comment('alarm_cleared'))).toBe('alarm_cleared')
    expect(noteOf(comment('of_a_later_version'))).toBeUndefined()
    expect(noteOf(comment(null))).toBeUndefined()
  })

  it('takes changes apart and leaves out what is none', () => {
    const data = { priority: { from: 'P3', to: 'P2' }, from: 'new', odd: 5, none: null }
    expect(changesOf(comment('updated', data))).toEqual([
      { field: 'priority', from: 'P3', to: 'P2' },
    ])
  })

  it('finds a word also where a move by hand says it as a change', () => {
    const data = { to: 'on_hold', hold_reason: { from: null, to: 'parts' }, count: 5 }
    expect(wordOf(comment('state_changed', data), 'to')).toBe('on_hold')
    expect(wordOf(comment('state_changed', data), 'hold_reason')).toBe('parts')
    expect(wordOf(comment('state_changed', data), 'count')).toBeUndefined()
  })
})

describe('moves', () => {
  it('have the word that fits where the ticket comes from', () => {
    expect(moveWord('new', 'in_progress')).toBe('in_progress')
    expect(moveWord('on_hold', 'in_progress')).toBe('resume')
    expect(moveWord('closed', 'in_progress')).toBe('reopen')
    expect(moveWord('new', 'resolved')).toBe('resolved')
  })
})

describe('taking alarms out', () => {
  it('is for tickets that somebody still works on', () => {
    const states = ['new', 'in_progress', 'on_hold', 'resolved', 'closed', 'canceled'] as const
    expect(states.filter((state) => isSplittable({ state }))).toEqual([
      'new',
      'in_progress',
      'on_hold',
    ])
  })
})
