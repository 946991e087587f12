import { gzipSync } from 'node:zlib'
import type { Plugin } from 'vite'

/** What a person loads before the first page: bytes after gzip. */
const BUDGET = 330_000
/** Loaded by everybody: the way in and the first page. */
const FIRST_PAGES = ['SignInPage', 'NowPage']

/** Fails a build whose first page has become too large. */
export function entryBudget(): Plugin {
  return {
    name: 'entry-budget',
    apply: 'build',
    enforce: 'post',
    generateBundle(_, bundle) {
      const loaded = new Set<string>(['index.html'])
      const load = (file: string) => {
        const chunk = bundle[file]
        if (loaded.has(file) || chunk?.type !== 'chunk') return
        loaded.add(file)
        chunk.viteMetadata?.importedCss.forEach((css) => loaded.add(css))
        chunk.imports.forEach(load)
      }
      for (const chunk of Object.values(bundle)) {
        if (chunk.type !== 'chunk') continue
        if (chunk.isEntry || FIRST_PAGES.includes(chunk.name)) load(chunk.fileName)
      }
      let size = 0
      for (const file of loaded) {
        const part = bundle[file]
        if (part) size += gzipSync(part.type === 'chunk' ? part.code : part.source).length
      }
      const told = `${(size / 1000).toFixed(0)} kB of ${BUDGET / 1000} kB, gzip`
      if (size > BUDGET) this.error(`The first page is too large: ${told}`)
      this.info(`first page: ${told}`)
    },
  }
}
