import { describe, expect, it } from 'vitest'
import { texts as german } from './de'
import { texts as english } from './en'

/** Dotted key → text. */
function flat(tree: unknown, path = ''): Map<string, unknown> {
  if (typeof tree !== 'object' || tree === null) return new Map([[path, tree]])
  const parts = Object.entries(tree).map(([key, branch]) =>
    flat(branch, path ? `${path}.${key}` : key),
  )
  return new Map(parts.flatMap((part) => [...part]))
}

/** What is filled in, without how it is formatted. */
function places(text: string): string[] {
  const found = [...text.matchAll(/\{\{\s*(\w+)[^}]*\}\}/g)].map(([, name]) => name ?? '')
  return [...new Set(found)].sort()
}

const en: Record<string, object> = english
const de: Record<string, object> = german

it('has the same pages in both languages', () => {
  expect(Object.keys(de).sort()).toEqual(Object.keys(en).sort())
  expect(Object.keys(en).length).toBeGreaterThan(5)
})

describe.each(Object.keys(en))('%s', (page) => {
  const english = flat(en[page])
  const german = flat(de[page])

  it('has the same keys in both languages', () => {
    expect([...german.keys()].sort()).toEqual([...english.keys()].sort())
  })

  it('has no empty text', () => {
    const empty = (tree: Map<string, unknown>) =>
      [...tree].filter(([, text]) => typeof text !== 'string' || text.trim() === '')
    if (english.size === 1 && english.has('')) return
    expect([...empty(english), ...empty(german)]).toEqual([])
  })

  it('fills in the same in both languages', () => {
    const differing = [...english]
      .map(([key, text]) => [key, places(String(text)), places(String(german.get(key)))] as const)
      .filter(([, ours, theirs]) => ours.join() !== theirs.join())
    expect(differing).toEqual([])
  })
})
