/** Where the tests leave what people look at: screenshots, logs, numbers. Build output. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../../..', import.meta.url))

/** `target/browser/<folder>`, made if it isn't there. */
export function outputFolder(folder = ''): string {
  const path = join(root, 'target', 'browser', folder)
  mkdirSync(path, { recursive: true })
  return path
}

/** A name that can be a file's. */
export function fileName(words: string): string {
  return words
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .slice(0, 80)
}

/** Keeps a measured number and prints it; nothing is asserted of it. */
export function keepMeasured(what: string, value: number, unit: string): void {
  const file = join(outputFolder(), 'measured.json')
  let known: Record<string, unknown> = {}
  try {
    known = JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>
  } catch {
    // The first one.
  }
  known[what] = { value, unit }
  writeFileSync(file, `${JSON.stringify(known, null, 2)}\n`)
  console.log(`measured: ${what}: ${value} ${unit}`)
}
