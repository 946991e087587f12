/**
 * All texts that people read, by language and page. A page's texts are in `en/<page>.json` and
 * `de/<page>.json`; TypeScript knows the English keys, a test compares the German ones. Only the
 * language that is spoken is loaded.
 */
import i18next from 'i18next'
import { initReactI18next } from 'react-i18next'
import { isolated } from '../format/bidi'
import { type Language, firstLanguage, rememberLanguage } from '../format/language'

/** Page → texts. */
type Texts = Record<string, object>

const load: Record<Language, () => Promise<{ texts: Texts }>> = {
  en: () => import('./en'),
  de: () => import('./de'),
}

export async function startTexts(): Promise<void> {
  const language = firstLanguage()
  document.documentElement.lang = language
  i18next.on('languageChanged', (now) => (document.documentElement.lang = now))
  const { texts } = await load[language]()
  await i18next.use(initReactI18next).init({
    lng: language,
    defaultNS: 'common',
    resources: { [language]: texts },
    // React escapes HTML; what is filled in must not turn the sentence around it.
    interpolation: { escape: isolated },
    initAsync: false,
  })
}

/** Speaks another language from now on, in later visits too. */
export async function speak(language: Language): Promise<void> {
  const { texts } = await load[language]()
  for (const [page, words] of Object.entries(texts)) {
    i18next.addResourceBundle(language, page, words)
  }
  rememberLanguage(language)
  await i18next.changeLanguage(language)
}
