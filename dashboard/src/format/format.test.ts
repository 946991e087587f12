import { describe, expect, it } from 'vitest'
import * as format from './format'

const AT = '2026-11-25T13:05:09.123Z'
const NOW = Date.parse(AT)
const UTC = 'UTC'

describe('moments', () => {
  it('are read from RFC 3339 and from milliseconds', () => {
    expect(format.millis(AT)).toBe(NOW)
    expect(format.millis(NOW)).toBe(NOW)
  })

  it('are shown in the language and the time zone', () => {
    expect(format.dateTime(AT, 'en', UTC)).toBe('25 Nov 2026, 13:05:09')
    expect(format.dateTime(AT, 'de', UTC)).toBe('25.11.2026, 13:05:09')
    expect(format.dateTime(NOW, 'de', 'Europe/Vienna')).toBe('25.11.2026, 14:05:09')
    expect(format.date(AT, 'en', UTC)).toBe('25 Nov 2026')
    expect(format.date(AT, 'de', UTC)).toBe('25.11.2026')
    expect(format.timeOfDay(AT, 'en', UTC)).toBe('13:05:09')
    expect(format.timeOfDay(AT, 'de', UTC)).toBe('13:05:09')
  })

  it.each([null, undefined])('that are %s are nothing', (none) => {
    expect(format.dateTime(none, 'en')).toBe(format.NOTHING)
    expect(format.date(none, 'de')).toBe(format.NOTHING)
    expect(format.timeOfDay(none, 'en')).toBe(format.NOTHING)
    expect(format.relative(none, NOW, 'de')).toBe(format.NOTHING)
  })
})

describe('relative', () => {
  it.each([
    [0, 'now', 'jetzt'],
    [-1, '1 second ago', 'vor 1 Sekunde'],
    [-59, '59 seconds ago', 'vor 59 Sekunden'],
    [-60, '1 minute ago', 'vor 1 Minute'],
    [-3_599, '59 minutes ago', 'vor 59 Minuten'],
    [-7_200, '2 hours ago', 'vor 2 Stunden'],
    [-86_400, 'yesterday', 'gestern'],
    [-3 * 86_400, '3 days ago', 'vor 3 Tagen'],
    [90, 'in 1 minute', 'in 1 Minute'],
    [23.5 * 3_600, 'in 23 hours', 'in 23 Stunden'],
  ])('%s s', (seconds, en, de) => {
    expect(format.relative(NOW + seconds * 1000, NOW, 'en')).toBe(en)
    expect(format.relative(NOW + seconds * 1000, NOW, 'de')).toBe(de)
  })
})

describe('duration', () => {
  it.each([
    [0, '0 ms'],
    [999, '999 ms'],
    [1_000, '1 s'],
    [61_000, '1 min 1 s'],
    [60_000, '1 min'],
    [7_500_000, '2 h 5 min'],
    [7_205_000, '2 h'],
    [90_000_000, '1 d 1 h'],
    [-61_000, '−1 min 1 s'],
  ])('%s ms', (ms, text) => {
    expect(format.duration(ms, 'en')).toBe(text)
    expect(format.duration(ms, 'de')).toBe(text)
  })
})

describe('number', () => {
  it.each([
    [0, undefined, '0', '0'],
    [1234567.8, undefined, '1,234,568', '1.234.568'],
    [123.456, undefined, '123.5', '123,5'],
    [1.005, undefined, '1.01', '1,01'],
    [-12.345, undefined, '-12.35', '-12,35'],
    [0.00012, undefined, '0.0001', '0,0001'],
    [1.5, 0, '2', '2'],
    [2, 3, '2', '2'],
  ])('%s with at most %s decimals', (value, decimals, en, de) => {
    expect(format.number(value, 'en', decimals)).toBe(en)
    expect(format.number(value, 'de', decimals)).toBe(de)
  })
})

describe('measured', () => {
  it('has its unit, not parted from it', () => {
    expect(format.measured(21.5, '°C', 'en')).toBe('21.5\u00a0°C')
    expect(format.measured(21.5, '°C', 'de')).toBe('21,5\u00a0°C')
    expect(format.measured(21.5, null, 'de')).toBe('21,5')
  })

  it('takes what isn’t a number as it is', () => {
    expect(format.measured('running', undefined, 'en')).toBe('running')
    expect(format.measured(true, undefined, 'de')).toBe('true')
    expect(format.measured(null, '°C', 'en')).toBe(format.NOTHING)
    expect(format.measured(undefined, undefined, 'de')).toBe(format.NOTHING)
  })
})

describe('bytes', () => {
  it.each([
    [0, '0 B', '0 B'],
    [1_023, '1,023 B', '1.023 B'],
    [1_536, '1.5 KiB', '1,5 KiB'],
    [5 * 1024 ** 2, '5 MiB', '5 MiB'],
    [2048 * 1024 ** 4, '2,048 TiB', '2.048 TiB'],
  ])('%s', (count, en, de) => {
    expect(format.bytes(count, 'en')).toBe(en)
    expect(format.bytes(count, 'de')).toBe(de)
  })
})
