/** A form's fields from the JSON Schema of a command's arguments, and the arguments from the form. Pure. */
import { type NumberProblem, type NumberRules, readNumber } from '../../format/entered'

export interface Field {
  name: string
  kind: 'text' | 'number' | 'integer' | 'boolean' | 'choice' | 'json'
  required: boolean
  description?: string
  /** Bounds of a number's value or of a text's length. */
  min?: number
  max?: number
  options: string[]
  initial: string | boolean
}

export type FieldValue = string | boolean
export type FieldError = NumberProblem | 'tooShort' | 'tooLong' | 'json'

interface Properties {
  [name: string]: unknown
}

function isObject(value: unknown): value is Properties {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function numberOf(value: unknown): number | undefined {
  return typeof value === 'number' ? value : undefined
}

/** What is asked for; an empty list when the command takes no arguments. */
export function fieldsOf(schema: unknown): Field[] {
  if (!isObject(schema) || !isObject(schema.properties)) return []
  const required = Array.isArray(schema.required) ? schema.required : []
  return Object.entries(schema.properties)
    .map(([name, property]) => fieldOf(name, property, required.includes(name)))
    .sort((a, b) => Number(b.required) - Number(a.required))
}

function fieldOf(name: string, property: unknown, required: boolean): Field {
  const schema = isObject(property) ? property : {}
  const kind = kindOf(schema)
  const isText = kind === 'text'
  const initial = schema.default
  return {
    name,
    kind,
    required,
    description: typeof schema.description === 'string' ? schema.description : undefined,
    min: numberOf(isText ? schema.minLength : schema.minimum),
    max: numberOf(isText ? schema.maxLength : schema.maximum),
    options: kind === 'choice' ? (schema.enum as unknown[]).map(String) : [],
    initial: kind === 'boolean' ? initial === true : initialText(initial),
  }
}

function kindOf(schema: Properties): Field['kind'] {
  if (Array.isArray(schema.enum)) {
    return schema.enum.every((each) => typeof each === 'string') ? 'choice' : 'json'
  }
  switch (schema.type) {
    case 'string':
      return 'text'
    case 'number':
    case 'integer':
    case 'boolean':
      return schema.type
    default:
      return 'json'
  }
}

function initialText(value: unknown): string {
  if (value === undefined) return ''
  return typeof value === 'string' ? value : JSON.stringify(value)
}

export function initialValues(fields: readonly Field[]): Record<string, FieldValue> {
  return Object.fromEntries(fields.map(({ name, initial }) => [name, initial]))
}

export interface Checked {
  args: Record<string, unknown>
  errors: Record<string, FieldError>
}

/**
 * The arguments as they are sent; what is left empty and isn't required is left out. Numbers are
 * read as the language writes them.
 */
export function argumentsOf(
  fields: readonly Field[],
  values: Readonly<Record<string, FieldValue>>,
  language: string,
): Checked {
  const checked: Checked = { args: {}, errors: {} }
  for (const field of fields) {
    const result = valueOf(field, values[field.name] ?? field.initial, language)
    if ('error' in result) checked.errors[field.name] = result.error
    else if (result.value !== undefined) checked.args[field.name] = result.value
  }
  return checked
}

type Result = { value: unknown } | { error: FieldError }

function valueOf(field: Field, raw: FieldValue, language: string): Result {
  if (typeof raw === 'boolean') return { value: raw }
  const text = field.kind === 'text' ? raw : raw.trim()
  if (text === '') return field.required ? { error: 'required' } : { value: undefined }
  switch (field.kind) {
    case 'number':
    case 'integer':
      return numeric(field, text, language)
    case 'json':
      return json(text)
    case 'boolean':
      return { value: text === 'true' }
    default:
      return bounded(field, text.length, text)
  }
}

function numeric(field: Field, text: string, language: string): Result {
  const read = readNumber(text, language, rulesOf(field))
  return 'problem' in read ? { error: read.problem } : read
}

/** What a number in the field must keep to. */
export function rulesOf({ kind, required, min, max }: Field): NumberRules {
  return { required, isInteger: kind === 'integer', min, max }
}

function bounded({ min, max }: Field, size: number, value: unknown): Result {
  if (min !== undefined && size < min) return { error: 'tooShort' }
  if (max !== undefined && size > max) return { error: 'tooLong' }
  return { value }
}

function json(text: string): Result {
  try {
    return { value: JSON.parse(text) as unknown }
  } catch {
    return { error: 'json' }
  }
}
