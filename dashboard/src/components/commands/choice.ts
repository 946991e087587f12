/** Which commands are offered, and in which order. Pure. */
import type { CatalogueEntry } from '../../api/types'

/** Its description in the reader's language, else in English, else in whichever there is. */
export function describe(entry: CatalogueEntry, language: string): string | undefined {
  const texts = entry.description ?? {}
  return texts[language] ?? texts.en ?? Object.values(texts)[0]
}

/** What matches the search, apart: what remedies one of the faults, and the rest. */
export function choose(
  entries: readonly CatalogueEntry[],
  options: { search: string; language: string; faultCodes: readonly string[] },
): { remedies: CatalogueEntry[]; others: CatalogueEntry[] } {
  const wanted = options.search.trim().toLowerCase()
  const found = entries.filter((entry) =>
    `${entry.name} ${describe(entry, options.language) ?? ''}`.toLowerCase().includes(wanted),
  )
  const remedies = found.filter((entry) =>
    entry.remedy_for?.some((code) => options.faultCodes.includes(code)),
  )
  return { remedies, others: found.filter((entry) => !remedies.includes(entry)) }
}
