import { describe, expect, it } from 'vitest'
import { beyond, lastsMs, type Limits, type Point } from './beyond'

const S = 1000
const ABOVE: Limits = { direction: 'above', limit: 80, holdMs: 0 }

/** One value a second. */
function each(...values: (number | null)[]): Point[] {
  return values.map((value, index) => [index * S, value])
}

describe('beyond', () => {
  it('counts how often, how long, and the longest', () => {
    const points = each(70, 81, 82, 70, 90, 70)
    expect(beyond(points, ABOVE, 2 * S)).toEqual({
      times: 2,
      totalMs: 3 * S,
      longestMs: 2 * S,
      alarms: 2,
    })
  })

  it('does not count the limit itself', () => {
    expect(beyond(each(80, 80), ABOVE, 2 * S).times).toBe(0)
  })

  it('looks below as above', () => {
    const below: Limits = { direction: 'below', limit: 5, clearAt: 6, holdMs: 0 }
    expect(beyond(each(7, 4, 5.5, 6, 4, 7), below, 2 * S)).toMatchObject({
      times: 2,
      totalMs: 3 * S,
    })
  })

  it('is over only where all is well again', () => {
    expect(beyond(each(81, 79, 81, 75, 70), { ...ABOVE, clearAt: 75 }, 2 * S)).toMatchObject({
      times: 1,
      totalMs: 3 * S,
    })
  })

  it('counts as alarms what stays for the hold time', () => {
    const held = { ...ABOVE, holdMs: 2 * S }
    expect(beyond(each(81, 70, 81, 81, 70), held, 2 * S)).toMatchObject({ times: 2, alarms: 1 })
  })

  it('ends at a silence, at a missing value and at the last point', () => {
    const silent: Point[] = [
      [0, 90],
      [100 * S, 90],
      [101 * S, null],
    ]
    expect(beyond(silent, ABOVE, 2 * S)).toMatchObject({ times: 2, totalMs: 3 * S })
    expect(beyond(each(90), ABOVE, 2 * S)).toMatchObject({ times: 1, totalMs: 2 * S })
  })

  it('finds nothing in nothing', () => {
    expect(beyond([], ABOVE, 0)).toEqual({ times: 0, totalMs: 0, longestMs: 0, alarms: 0 })
  })
})

describe('lastsMs', () => {
  it('is twice the usual distance', () => {
    expect(
      lastsMs([
        [0, 1],
        [S, 1],
        [2 * S, 1],
        [500 * S, 1],
      ]),
    ).toBe(2 * S)
  })

  it('is nothing for one point', () => {
    expect(lastsMs(each(1))).toBe(0)
  })
})
