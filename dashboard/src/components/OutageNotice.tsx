import { Alert, type AlertProps, Text } from '@mantine/core'
import { IconDatabaseX } from '@tabler/icons-react'
import { useTranslation } from 'react-i18next'
import { type Outage, useOutage } from '../api/readiness'
import { useFormat } from '../format/use'

/** Says on every page that nothing can be stored or read, for as long as it is so. */
export function OutageNotice(props: Pick<AlertProps, 'mb'>) {
  const outage = useOutage()
  return <div aria-live="polite">{outage && <Notice {...props} outage={outage} />}</div>
}

function Notice({ outage, ...props }: Pick<AlertProps, 'mb'> & { outage: Outage }) {
  const { t } = useTranslation()
  const format = useFormat()
  const { part, reason, since, sawBegin } = outage
  const when = format.dateTime(since)
  return (
    <Alert
      color="red"
      variant="outline"
      role="note"
      icon={<IconDatabaseX />}
      title={t(`outage.${part}.${sawBegin ? 'since' : 'sinceOrEarlier'}`, { when })}
      data-testid="outage"
      {...props}
    >
      <Text size="sm">{t('outage.machines')}</Text>
      {reason && (
        <Text size="sm" c="dimmed" style={{ overflowWrap: 'anywhere' }}>
          {t('outage.reason', { reason })}
        </Text>
      )}
    </Alert>
  )
}
