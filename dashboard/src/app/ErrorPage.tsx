import { Alert, Button, Container, Group, Stack } from '@mantine/core'
import { useTranslation } from 'react-i18next'
import { Link, useRouteError } from 'react-router'

/** A page that failed in its own code, or whose code couldn't be loaded. */
export function ErrorPage() {
  const { t } = useTranslation()
  const error = useRouteError()
  return (
    <Container size="sm" py="xl" role="alert">
      <Alert color="red" variant="outline" title={t('state.broken')}>
        <Stack>
          {error instanceof Error ? error.message : String(error)}
          <Group>
            <Button onClick={() => window.location.reload()}>{t('state.retry')}</Button>
            <Button variant="default" component={Link} to="/" reloadDocument>
              {t('state.toNow')}
            </Button>
          </Group>
        </Stack>
      </Alert>
    </Container>
  )
}
