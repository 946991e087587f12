import { describe, expect, it } from 'vitest'
import { SPAN_MAX_MS, SPAN_MIN_MS, stepOf, stepped } from './zoom'

const EVER = { from: -Infinity, to: Infinity }
const pressed = (key: string, more = {}) =>
  stepOf({ key, ctrlKey: false, metaKey: false, altKey: false, ...more })

describe('keys', () => {
  it.each([
    ['+', 'in'],
    ['=', 'in'],
    ['-', 'out'],
    ['_', 'out'],
    ['ArrowLeft', 'earlier'],
    ['ArrowRight', 'later'],
    ['0', 'whole'],
    ['Enter', undefined],
    ['1', undefined],
    ['constructor', undefined],
  ])('%s is %s', (key, step) => expect(pressed(key)).toBe(step))

  it.each(['ctrlKey', 'metaKey', 'altKey'])('with %s are the browser’s', (name) => {
    expect(pressed('+', { [name]: true })).toBeUndefined()
    expect(pressed('0', { [name]: true })).toBeUndefined()
  })
})

describe('steps', () => {
  const shown = { from: 100_000, to: 140_000 }

  it('zoom around the middle and move by a quarter', () => {
    expect(stepped('in', shown, EVER)).toEqual({ from: 110_000, to: 130_000 })
    expect(stepped('out', shown, EVER)).toEqual({ from: 80_000, to: 160_000 })
    expect(stepped('earlier', shown, EVER)).toEqual({ from: 90_000, to: 130_000 })
    expect(stepped('later', shown, EVER)).toEqual({ from: 110_000, to: 150_000 })
  })

  it('stay within what there is', () => {
    const within = { from: 95_000, to: 145_000 }
    expect(stepped('earlier', shown, within)).toEqual({ from: 95_000, to: 135_000 })
    expect(stepped('later', shown, within)).toEqual({ from: 105_000, to: 145_000 })
    expect(stepped('out', shown, within)).toEqual(within)
    expect(stepped('later', within, within)).toEqual(within)
    const past = { from: -Infinity, to: 140_000 }
    expect(stepped('out', shown, past)).toEqual({ from: 60_000, to: 140_000 })
  })

  it('end at a second and at twenty years', () => {
    let range = shown
    for (let step = 0; step < 40; step += 1) range = stepped('in', range, EVER)
    expect(range.to - range.from).toBe(SPAN_MIN_MS)
    for (let step = 0; step < 60; step += 1) range = stepped('out', range, EVER)
    expect(range.to - range.from).toBe(SPAN_MAX_MS)
    const short = { from: 0, to: 300 }
    expect(stepped('in', short, EVER)).toEqual(short)
  })

  it('give whole milliseconds for a part that was drawn with the mouse', () => {
    const drawn = { from: 100_000.25, to: 140_000.75 }
    for (const step of ['in', 'out', 'earlier', 'later'] as const) {
      const { from, to } = stepped(step, drawn, EVER)
      expect([Number.isInteger(from), Number.isInteger(to)]).toEqual([true, true])
    }
  })
})
