import { Alert } from '@mantine/core'
import { IconPlugConnectedX } from '@tabler/icons-react'
import { useTranslation } from 'react-i18next'
import { useContact } from '../api/contact'
import { useOutage } from '../api/readiness'
import { useFormat, useNow } from '../format/use'

/** Says that what is shown may be old, for as long as the platform isn't heard. */
export function ContactBanner() {
  const { state } = useContact()
  // A platform that says what is wrong with it is reached; then another notice tells.
  const outage = useOutage()
  return <div aria-live="polite">{state === 'lost' && !outage && <Lost />}</div>
}

function Lost() {
  const { t } = useTranslation()
  const { heardAt } = useContact()
  const format = useFormat()
  const now = useNow()
  const when = heardAt === undefined ? undefined : format.relative(heardAt, now)
  return (
    <Alert
      color="red"
      variant="outline"
      mb="md"
      icon={<IconPlugConnectedX />}
      data-testid="data-is-old"
    >
      {when === undefined ? t('contact.lostNever') : t('contact.lost', { when })}
    </Alert>
  )
}
