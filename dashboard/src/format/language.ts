/** The languages of the dashboard. */
export const LANGUAGES = ['en', 'de'] as const
export type Language = (typeof LANGUAGES)[number]

const KEY = 'millwright.language'

/** What was chosen, else what the browser asks for, else English. */
export function firstLanguage(): Language {
  const asked = [localStorage.getItem(KEY), ...navigator.languages.map((tag) => tag.slice(0, 2))]
  return asked.find(isLanguage) ?? 'en'
}

export function rememberLanguage(language: Language): void {
  localStorage.setItem(KEY, language)
}

export function isLanguage(text: string | null | undefined): text is Language {
  return LANGUAGES.includes(text as Language)
}
