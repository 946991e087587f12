import { Alert, Stack } from '@mantine/core'
import { IconCircleCheck } from '@tabler/icons-react'
import { useTranslation } from 'react-i18next'
import { PageHead } from '../../components/PageHead'
import { Counts } from './Counts'
import { OpenAlarms } from './OpenAlarms'
import { OpenTickets } from './OpenTickets'
import { WaitingCommands } from './WaitingCommands'
import { Welcome } from './Welcome'
import { useSituation } from './useSituation'

/** What needs somebody now. */
export function NowPage() {
  const { t } = useTranslation('now')
  const now = useSituation()
  if (now.isEmptyFleet) return <Welcome />
  return (
    <>
      <PageHead title={t('title')} />
      <Stack gap="lg">
        {now.isAllWell && (
          <Alert
            color="green"
            variant="outline"
            icon={<IconCircleCheck />}
            title={t('allWell')}
            data-testid="all-well"
          >
            {t('allWellHint')}
          </Alert>
        )}
        <Counts situation={now} />
        {!now.isAllWell && now.alarms && <OpenAlarms list={now.alarms} />}
        {!now.isAllWell && now.tickets && <OpenTickets list={now.tickets} />}
        {!now.isAllWell && now.commands && <WaitingCommands list={now.commands} />}
      </Stack>
    </>
  )
}
