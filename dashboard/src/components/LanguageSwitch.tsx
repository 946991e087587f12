import { Button } from '@mantine/core'
import { useTranslation } from 'react-i18next'
import { rememberLanguage } from '../format/language'

/** Names the other language, in that language. */
export function LanguageSwitch() {
  const { t, i18n } = useTranslation()
  const other = i18n.language === 'de' ? 'en' : 'de'
  const change = () => {
    rememberLanguage(other)
    void i18n.changeLanguage(other)
  }
  return (
    <Button
      variant="subtle"
      size="compact-sm"
      lang={other}
      onClick={change}
      title={t(`language.${other}`)}
    >
      {other.toUpperCase()}
    </Button>
  )
}
