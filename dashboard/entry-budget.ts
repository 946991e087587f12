import { gzipSync } from 'node:zlib'
import type { Plugin } from 'vite'

/** What a browser loads until somebody can sign in: bytes after gzip. */
const BUDGET = 250_000
/** Shown first, with the texts of one language. */
const FIRST = ['SignInPage', 'de']
/** What comes next, told with it. */
const NEXT = ['SignedIn', 'NowPage']

/** Fails a build whose first page has become too large. */
export function entryBudget(): Plugin {
  return {
    name: 'entry-budget',
    apply: 'build',
    enforce: 'post',
    generateBundle(_, bundle) {
      const loaded = new Set<string>()
      const load = (file: string) => {
        const chunk = bundle[file]
        if (loaded.has(file) || chunk?.type !== 'chunk') return
        loaded.add(file)
        chunk.viteMetadata?.importedCss.forEach((css) => loaded.add(css))
        chunk.imports.forEach(load)
      }
      const add = (names: string[]): number => {
        for (const chunk of Object.values(bundle)) {
          if (chunk.type === 'chunk' && (chunk.isEntry || names.includes(chunk.name))) {
            load(chunk.fileName)
          }
        }
        const parts = [...loaded].map((file) => bundle[file]).filter((part) => part !== undefined)
        const size = (part: (typeof parts)[number]) =>
          gzipSync(part.type === 'chunk' ? part.code : part.source).length
        return parts.map(size).reduce((sum, each) => sum + each, 0)
      }
      const first = add(FIRST)
      const told = `${(first / 1000).toFixed(0)} kB of ${BUDGET / 1000} kB, gzip`
      if (first > BUDGET) this.error(`What is loaded first is too large: ${told}`)
      const next = add(NEXT)
      this.info(`loaded first: ${told}; with the first page ${(next / 1000).toFixed(0)} kB`)
    },
  }
}
