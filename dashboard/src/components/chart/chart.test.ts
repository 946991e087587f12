import { describe, expect, it } from 'vitest'
import { align } from './align'
import { commonGaps, gapsOf, gapThreshold, medianDistance } from './gaps'
import { colorIndex, laneOf, STATE_COLORS, valuesOf } from './lanes'
import { MARKS_MAX, visibleMarks } from './marks'
import { limitScale, scalesOf } from './scales'
import type { ChartMark, NumberSeries, StateSeries } from './series'
import { tableRows, valueAt } from './values'

function numbers(signal: string, times: number[], more: Partial<NumberSeries> = {}): NumberSeries {
  const points = times.map((at, i) => [at, i, i - 0.5, i + 0.5] as const)
  return { kind: 'number', signal, resolution: 0, points, ...more }
}

function every(ms: number, count: number, from = 0): number[] {
  return Array.from({ length: count }, (_, i) => from + i * ms)
}

describe('gaps', () => {
  it('takes the largest of three resolutions, three usual distances and five seconds', () => {
    expect(gapThreshold(numbers('a', every(1_000, 10)))).toBe(5_000)
    expect(gapThreshold(numbers('a', every(4_000, 10)))).toBe(12_000)
    expect(gapThreshold(numbers('a', every(60_000, 3), { resolution: 600 }))).toBe(1_800_000)
  })

  it('finds the usual distance of many points and of none', () => {
    expect(medianDistance(numbers('a', every(1_000, 100_000)).points)).toBe(1_000)
    expect(medianDistance([])).toBe(0)
    expect(medianDistance([[5]])).toBe(0)
  })

  it('finds silences between, before and after the points', () => {
    const series = numbers('a', [...every(1_000, 5, 20_000), ...every(1_000, 5, 60_000)])
    expect(gapsOf(series, 0, 100_000)).toEqual([
      { from: 0, to: 20_000 },
      { from: 24_000, to: 60_000 },
      { from: 64_000, to: 100_000 },
    ])
  })

  it('takes the whole time for a gap when there is nothing', () => {
    expect(gapsOf(numbers('a', []), 0, 60_000)).toEqual([{ from: 0, to: 60_000 }])
    expect(commonGaps([], 0, 60_000)).toEqual([])
  })

  it('counts only what is missing in all series as common', () => {
    const a = numbers('a', [...every(1_000, 11), ...every(1_000, 11, 50_000)])
    const b = numbers('b', every(1_000, 31))
    expect(commonGaps([a, b], 0, 60_000)).toEqual([{ from: 30_000, to: 50_000 }])
  })
})

describe('align', () => {
  it('merges times, with undefined where only the other series has a value', () => {
    const { xs, columns } = align([numbers('a', [0, 2_000]), numbers('b', [1_000, 2_000])])
    expect(xs).toEqual([0, 1_000, 2_000])
    expect(columns[0]?.mean).toEqual([0, undefined, 1])
    expect(columns[1]?.mean).toEqual([undefined, 0, 1])
  })

  it('breaks a line in its gap by a row of its own', () => {
    const { xs, columns } = align([numbers('a', [0, 1_000, 2_000, 62_000, 63_000])])
    expect(xs).toEqual([0, 1_000, 2_000, 32_000, 62_000, 63_000])
    expect(columns[0]?.mean).toEqual([0, 1, 2, null, 3, 4])
  })

  it("breaks a line in the rows of another series and leaves that one's whole", () => {
    const a = numbers('a', [0, 1_000, 2_000, 62_000])
    const { columns, xs } = align([a, numbers('b', every(1_000, 63))])
    expect(xs).toHaveLength(64)
    expect(columns[0]?.mean.slice(3, 63).every((cell) => cell === null)).toBe(true)
    expect(columns[1]?.mean.filter((cell) => cell === null)).toEqual([])
  })

  it('has smallest and largest for points that stand for a time, and keeps empty ones', () => {
    const series = numbers('a', [], {
      resolution: 60,
      points: [
        [0, 1, 0, 2],
        [60_000, null, null, null],
      ],
    })
    const [columns] = align([series]).columns
    expect(columns?.band).toEqual({ min: [0, null], max: [2, null] })
    expect(align([numbers('a', [0])]).columns[0]?.band).toBeUndefined()
  })

  it('takes one of two points of the same time', () => {
    expect(align([numbers('a', [0, 0, 1_000])]).xs).toEqual([0, 1_000])
  })

  it('takes 100,000 points', () => {
    const { xs } = align(every(1, 2).map((i) => numbers(`s${i}`, every(1_000, 50_000, i))))
    expect(xs).toHaveLength(100_000)
  })
})

describe('lanes', () => {
  const series: StateSeries = {
    kind: 'text',
    signal: 'state',
    points: [
      [0, 'idle'],
      [1_000, 'idle'],
      [2_000, 'cutting'],
      [5_000, null],
      [7_000, 'idle'],
    ],
  }

  it('lets a value last to the next, joins equal ones, leaves out what is unknown', () => {
    expect(laneOf(series, 500, 9_000).segments).toEqual([
      { from: 500, to: 2_000, value: 'idle' },
      { from: 2_000, to: 5_000, value: 'cutting' },
      { from: 7_000, to: 9_000, value: 'idle' },
    ])
  })

  it('names the values that it has', () => {
    const lane = laneOf(series, 500, 9_000)
    expect(valuesOf(lane, 6)).toEqual(['idle', 'cutting'])
    expect(valuesOf(lane, 1)).toEqual(['idle'])
  })

  it('gives a value one colour, and "no" the faint one', () => {
    expect(colorIndex('cutting')).toBe(colorIndex('cutting'))
    expect(colorIndex('cutting')).toBeLessThan(STATE_COLORS)
    expect(colorIndex(false)).toBe(STATE_COLORS)
  })
})

describe('scales', () => {
  it('shares by unit, else by what is measured, and gives two an axis', () => {
    const found = scalesOf([
      numbers('spindle.temperature', [], { unit: '°C' }),
      numbers('coolant.temperature', [], { unit: '°C' }),
      numbers('a.load', []),
      numbers('b.load', []),
      numbers('speed', []),
    ])
    expect(found.map(({ label, axis }) => [label, axis])).toEqual([
      ['°C', 'left'],
      ['load', 'right'],
      ['speed', undefined],
    ])
  })

  it('draws a limit on its signal’s scale, if that is shown', () => {
    const lines = [numbers('speed', []), numbers('temperature', [], { unit: '°C' })]
    const scaleOf = (signal?: string) =>
      limitScale({ value: 80, label: 'Limit', signal }, lines, scalesOf(lines))?.label
    expect(scaleOf('temperature')).toBe('°C')
    expect(scaleOf('speed')).toBe('speed')
    expect(scaleOf('pressure')).toBeUndefined()
    expect(scaleOf()).toBe('speed')
  })
})

describe('marks', () => {
  it('shows what touches the time, numbered by time; an alarm without an end lasts', () => {
    const marks: ChartMark[] = [
      { kind: 'command', at: 50, label: 'c' },
      { kind: 'alarm', at: 0, label: 'lasts' },
      { kind: 'alarm', at: 0, until: 5, label: 'over' },
      { kind: 'command', at: 5, label: 'before' },
      { kind: 'alarm', at: 200, label: 'later' },
    ]
    const { shown, cut } = visibleMarks(marks, 10, 100)
    expect(shown.map(({ number, label }) => [number, label])).toEqual([
      [1, 'lasts'],
      [2, 'c'],
    ])
    expect(cut).toBe(false)
  })

  it('keeps the newest of too many', () => {
    const many = every(1, MARKS_MAX + 5).map((at) => ({ kind: 'command' as const, at, label: '' }))
    const { shown, cut } = visibleMarks(many, 0, 1_000)
    expect(shown).toHaveLength(MARKS_MAX)
    expect(shown[0]?.at).toBe(5)
    expect(cut).toBe(true)
  })
})

describe('values', () => {
  const lines = numbers('a', [...every(1_000, 3), 60_000])
  const states: StateSeries = { kind: 'boolean', signal: 'b', points: [[500, true]] }

  it('gives the value at a time, nothing in a gap and before the first, the newest without one', () => {
    expect(valueAt(lines, 1_500)).toBe(1)
    expect(valueAt(lines, 30_000)).toBeNull()
    expect(valueAt(lines, -1)).toBeNull()
    expect(valueAt(lines, undefined)).toBe(3)
    expect(valueAt(states, 30_000)).toBe(true)
  })

  it('lists rows newest first, with states that last, and says when there are more', () => {
    expect(tableRows([lines, states], 0, 3_000, 10)).toEqual({
      rows: [
        { at: 2_000, values: [2, true] },
        { at: 1_000, values: [1, true] },
        { at: 500, values: [null, true] },
        { at: 0, values: [0, null] },
      ],
      cut: false,
    })
    expect(tableRows([lines], 0, 60_000, 2)).toMatchObject({ cut: true })
  })
})
