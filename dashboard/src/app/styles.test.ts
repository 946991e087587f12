import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'

const library = 'node_modules/@mantine/core/styles'

function sources(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.tsx?$/.test(name))
    .map((name) => readFileSync(join(folder, name), 'utf8'))
}

it('imports the styles of every component that is used', () => {
  const used = sources('src')
    .flatMap((text) => [...text.matchAll(/import \{([^}]*)\} from '@mantine\/core'/g)])
    .flatMap((found) => (found[1] ?? '').split(',').map((name) => name.trim()))
    .filter((name) => existsSync(`${library}/${name}.css`))
  const imported = readFileSync('src/app/styles.ts', 'utf8')
  const missing = [...new Set(used)].filter((name) => !imported.includes(`/${name}.css'`))
  expect(used).toContain('Button')
  expect(missing).toEqual([])
})

it('keeps to the order of the library, on which overrides depend', () => {
  const whole = readFileSync('node_modules/@mantine/core/styles.css', 'utf8')
  const imported = [
    ...readFileSync('src/app/styles.ts', 'utf8').matchAll(/core\/styles\/([\w-]+)/g),
  ]
  const places = imported.map(([, name]) =>
    whole.indexOf(readFileSync(`${library}/${name}.css`, 'utf8').slice(0, 200)),
  )
  expect(places).not.toContain(-1)
  expect(places).toEqual([...places].sort((a, b) => a - b))
})
