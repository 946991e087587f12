/**
 * All texts that people read, by language and page. A page's texts are in `en/<page>.json` and
 * `de/<page>.json`; TypeScript knows the English keys, a test compares the German ones.
 */
import i18next from 'i18next'
import { initReactI18next } from 'react-i18next'
import { firstLanguage } from '../format/language'

const files = import.meta.glob<Record<string, unknown>>('./{en,de}/*.json', {
  eager: true,
  import: 'default',
})

type Texts = Record<string, Record<string, Record<string, unknown>>>

/** Language → page → texts. */
export const texts: Texts = {}
for (const [path, content] of Object.entries(files)) {
  const [, language = '', page = ''] = /\.\/(\w+)\/([\w-]+)\.json/.exec(path) ?? []
  texts[language] = { ...texts[language], [page]: content }
}

export function startTexts(): void {
  const language = firstLanguage()
  document.documentElement.lang = language
  i18next.on('languageChanged', (now) => (document.documentElement.lang = now))
  void i18next.use(initReactI18next).init({
    lng: language,
    fallbackLng: 'en',
    defaultNS: 'common',
    resources: texts,
    // React escapes.
    interpolation: { escapeValue: false },
    initAsync: false,
  })
}
