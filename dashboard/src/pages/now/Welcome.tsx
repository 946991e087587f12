import { Button, Group, Paper, Stack, Text } from '@mantine/core'
import { IconPlugConnected } from '@tabler/icons-react'
import { useTranslation } from 'react-i18next'
import { Link } from 'react-router'
import { useMay } from '../../api/people'
import { PageHead } from '../../components/PageHead'

/** The first page of a fleet that has no machine yet. */
export function Welcome() {
  const { t } = useTranslation('now')
  const may = useMay()
  const mayCommission = may('machines.write') && may('machines.enroll')
  return (
    <>
      <PageHead title={t('welcome.title')} />
      <Paper withBorder p="lg" maw={640} data-testid="welcome">
        <Stack>
          <Text>{t('welcome.what')}</Text>
          {mayCommission ? (
            <Group>
              <Button
                component={Link}
                to="/commission"
                leftSection={<IconPlugConnected size={18} />}
              >
                {t('welcome.commission')}
              </Button>
            </Group>
          ) : (
            <Text>{t('welcome.ask')}</Text>
          )}
        </Stack>
      </Paper>
    </>
  )
}
