/** The chart's colours: each with a contrast of at least 3:1 to its ground. */
import type { Severity } from '../../api/types'

export interface Colors {
  text: string
  grid: string
  lines: readonly string[]
  /** Ground and text of a state's band; the last is for "no". */
  states: readonly (readonly [string, string])[]
  alarm: (severity: Severity | undefined) => string
  command: string
  /** Text on a mark. */
  onMark: string
  /** Between two states. */
  edge: string
  limit: string
  gap: string
}

/** So that lines differ without colour too. */
export const DASHES: readonly (readonly number[])[] = [[], [8, 4], [2, 3], [10, 3, 2, 3]]

const LIGHT_ALARM: Record<Severity, string> = {
  critical: '#c22525',
  major: '#b4480a',
  minor: '#8a6100',
  warning: '#7a6200',
  indeterminate: '#59626b',
}

const DARK_ALARM: Record<Severity, string> = {
  critical: '#ff7b7b',
  major: '#ff9d5c',
  minor: '#ffd36b',
  warning: '#ffeec2',
  indeterminate: '#a6adb5',
}

const LIGHT: Colors = {
  text: '#343a40',
  grid: '#e3e6e9',
  lines: ['#0b6e74', '#c2410c', '#5b3fb5', '#1864ab', '#a61e4d', '#2b7a0b', '#7a5200', '#495057'],
  states: [
    ['#0b6e74', '#ffffff'],
    ['#d7e8fb', '#123f70'],
    ['#ffe3c2', '#5c2e00'],
    ['#e5dbff', '#3b2591'],
    ['#d3f3dd', '#14532b'],
    ['#fbdce6', '#7a1238'],
    ['#e7eaed', '#343a40'],
  ],
  alarm: (severity) => LIGHT_ALARM[severity ?? 'indeterminate'],
  command: '#123f70',
  onMark: '#ffffff',
  edge: '#ffffff',
  limit: '#a61e4d',
  gap: '#adb5bd',
}

const DARK: Colors = {
  text: '#ced4da',
  grid: '#3b3f45',
  lines: ['#43c0c6', '#ff9d5c', '#b19cff', '#74b8ff', '#ff8fb1', '#8ce05f', '#ffd36b', '#c1c8cf'],
  states: [
    ['#0b8288', '#ffffff'],
    ['#1c4a7a', '#d7e8fb'],
    ['#6b3d0c', '#ffe3c2'],
    ['#473399', '#e5dbff'],
    ['#1d5e37', '#d3f3dd'],
    ['#7a2447', '#fbdce6'],
    ['#43484e', '#dee2e6'],
  ],
  alarm: (severity) => DARK_ALARM[severity ?? 'indeterminate'],
  command: '#a5d0ff',
  onMark: '#1a1b1e',
  edge: '#242424',
  limit: '#ff8fb1',
  gap: '#5c636a',
}

export function colorsOf(dark: boolean): Colors {
  return dark ? DARK : LIGHT
}

export function lineColor(colors: Colors, index: number): string {
  return colors.lines[index % colors.lines.length] ?? colors.text
}

export function lineDash(index: number): number[] {
  return [...(DASHES[index % DASHES.length] ?? [])]
}
