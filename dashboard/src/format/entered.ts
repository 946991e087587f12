/** Numbers as people type them. Pure; the language is an argument. */

/** What is in a field: a number that nobody has touched yet, or what was typed. */
export type Entered = number | string

export interface NumberRules {
  required?: boolean
  /** Only whole numbers. */
  isInteger?: boolean
  min?: number
  max?: number
}

export type NumberProblem =
  'required' | 'number' | 'separators' | 'tooBig' | 'integer' | 'tooSmall' | 'tooLarge'

/** The number; undefined for an empty field where that is allowed. */
export type Read = { value: number | undefined } | { problem: NumberProblem }

const DECIMAL_SIGN: Record<string, '.' | ','> = { en: '.', de: ',' }
const NUMBER = /^[+-]?(\d+[.,]?\d*|[.,]\d+)(e[+-]?\d+)?$/i
/** More than one separator, or spaces or apostrophes between digits. */
const GROUPED = /^[+-]?\d+([.,'’\s]\d+){2,}$|^[+-]?\d+(['’\s]\d+)+/

export function decimalSign(language: string): '.' | ',' {
  return DECIMAL_SIGN[language] ?? '.'
}

/**
 * Reads what was typed, without guessing. The language's decimal sign is always one; the other
 * language's is too, unless it could separate thousands: `1.5` is a number in German, `1.500` is
 * refused, as is `1,500` in English. Powers of ten are written `1e5`.
 */
export function readNumber(entered: Entered, language: string, rules: NumberRules = {}): Read {
  const text = typeof entered === 'number' ? String(entered) : entered.trim().replace('−', '-')
  if (text === '') return rules.required ? { problem: 'required' } : { value: undefined }
  if (typeof entered !== 'number') {
    if (GROUPED.test(text) || couldBeThousands(text, language)) return { problem: 'separators' }
    if (!NUMBER.test(text)) return { problem: 'number' }
  }
  const value = Number(text.replace(',', '.'))
  if (Number.isNaN(value)) return { problem: 'number' }
  if (!Number.isFinite(value)) return { problem: 'tooBig' }
  if (rules.isInteger && !Number.isInteger(value)) return { problem: 'integer' }
  if (rules.min !== undefined && value < rules.min) return { problem: 'tooSmall' }
  if (rules.max !== undefined && value > rules.max) return { problem: 'tooLarge' }
  return { value }
}

/** Three digits after the other language's sign, one to three before, as in thousands. */
function couldBeThousands(text: string, language: string): boolean {
  const other = decimalSign(language) === ',' ? '\\.' : ','
  return new RegExp(`^[+-]?[1-9]\\d{0,2}${other}\\d{3}$`).test(text)
}

/** The number, where there is one that can be read. */
export function given(entered: Entered, language: string): number | undefined {
  const read = readNumber(entered, language)
  return 'value' in read ? read.value : undefined
}

/** As it stands in a field: every digit, no separators of thousands. */
export function enteredText(entered: Entered, language: string): string {
  if (typeof entered === 'string') return entered
  return Number.isFinite(entered) ? String(entered).replace('.', decimalSign(language)) : ''
}

/** One step up or down, within the bounds; undefined where there is nothing to step from. */
export function stepped(
  entered: Entered,
  by: number,
  language: string,
  { min = -Infinity, max = Infinity }: NumberRules = {},
): number | undefined {
  const read = readNumber(entered, language)
  if ('problem' in read) return undefined
  // No more digits than were there: 0.1 + 0.2 isn't 0.30000000000000004 for people.
  const next = Number(((read.value ?? 0) + by).toPrecision(15))
  return Math.min(Math.max(next, min), max)
}
