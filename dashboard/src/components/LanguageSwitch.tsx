import { Button } from '@mantine/core'
import { useTranslation } from 'react-i18next'
import { speak } from '../texts'

/** Names the other language, in that language. */
export function LanguageSwitch() {
  const { t, i18n } = useTranslation()
  const other = i18n.language === 'de' ? 'en' : 'de'
  return (
    <Button
      variant="subtle"
      size="compact-sm"
      lang={other}
      onClick={() => void speak(other)}
      title={t(`language.${other}`)}
    >
      {other.toUpperCase()}
    </Button>
  )
}
