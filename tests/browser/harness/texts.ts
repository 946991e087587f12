/** The dashboard's own texts, to tell one language from the other. */
import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const folder = fileURLToPath(new URL('../../../dashboard/src/texts/', import.meta.url))

function leaves(value: unknown): string[] {
  if (typeof value === 'string') return [value]
  return Object.values(value as Record<string, unknown>).flatMap(leaves)
}

function texts(language: string): Set<string> {
  const files = readdirSync(folder + language).filter((file) => file.endsWith('.json'))
  const read = (file: string) => readFileSync(`${folder}${language}/${file}`, 'utf8')
  return new Set(files.flatMap((file) => leaves(JSON.parse(read(file)))))
}

/** Texts that are English and nothing else. */
export function onlyEnglish(): Set<string> {
  const german = texts('de')
  return new Set([...texts('en')].filter((text) => text.length > 3 && !german.has(text)))
}
