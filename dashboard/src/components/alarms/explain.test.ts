import { describe, expect, it } from 'vitest'
import { causesOf, findingsOf, signalsOfContext } from './explain'

describe('why an alarm was raised', () => {
  it('is one condition, or several', () => {
    const told = { signal: 't', value: 81, side: 'above', limit: 80, hold_s: 10 }
    expect(causesOf(told)).toMatchObject([
      { kind: 'threshold', what: 't', value: 81, side: 'above', limit: 80, seconds: 10 },
    ])
    const rate = { kind: 'rate', signal: 'u', value: 3, limit: 2, per: 'minute', window_s: 60 }
    const missing = { kind: 'missing', event: 'lift.call', for_s: 40 }
    expect(causesOf({ ...told, causes: [told, rate, missing] })).toMatchObject([
      { kind: 'threshold' },
      { kind: 'rate', per: 'minute', seconds: 60 },
      { kind: 'missing', what: 'lift.call', seconds: 40 },
    ])
  })

  it('isn’t guessed from what machines and newer platforms tell', () => {
    expect(causesOf({ signal: 't', value: 81 })).toEqual([])
    expect(causesOf({ kind: 'resonance', signal: 't' })).toEqual([])
    expect(causesOf({ causes: 'many' })).toEqual([])
    expect(causesOf({})).toEqual([])
    expect(findingsOf({ findings: [{ signal: 't', share: 1 }] })).toEqual([])
  })

  it('are findings, the most telling first', () => {
    const findings = [
      { signal: 'a', share: 0.2, observed: 1, expected: 2, spread: 0.5, text: 'low' },
      { aspect: 'level', share: 7, observed: 1, expected: 2, spread: 0 },
      'odd',
    ]
    expect(findingsOf({ kind: 'anomaly', signal: 't', findings })).toEqual([
      {
        ...{ name: 'level', aspect: 'level', signal: 't', share: 1, text: '' },
        ...{ observed: 1, expected: 2, spread: 0, sigmas: undefined },
      },
      {
        ...{ name: 'a', aspect: undefined, signal: 'a', share: 0.2, text: 'low' },
        ...{ observed: 1, expected: 2, spread: 0.5, sigmas: -2 },
      },
    ])
  })

  it('knows an aspect from a signal of its name, and a width from a spread', () => {
    const numbers = { share: 0.5, observed: 9, expected: 5, spread: 2 }
    const findings = ['level', 'range', 'rhythm'].map((aspect) => ({ aspect, ...numbers }))
    const named = { signal: 'level', ...numbers }
    const told = findingsOf({ kind: 'anomaly', findings: [...findings, named] })
    expect(told.map(({ name, aspect, sigmas }) => [name, aspect, sigmas])).toEqual([
      ['level', 'level', 2],
      ['range', 'range', undefined],
      ['rhythm', undefined, 2],
      ['level', undefined, 2],
    ])
  })

  it('names signals, each once', () => {
    const findings = [{ signal: 'a' }, { signal: 'b' }, { aspect: 'level' }]
    expect(signalsOfContext({ signal: 'a', findings, causes: [{ from: 'c' }] })).toEqual([
      ...['a', 'b', 'c'],
    ])
    expect(signalsOfContext({ signal: 5 })).toEqual([])
  })
})
