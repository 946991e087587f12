import { Alert, Button, Container, Group, Stack } from '@mantine/core'
import { useEffect } from 'react'
import { useTranslation } from 'react-i18next'
import { Link, useRouteError } from 'react-router'
import { isReached } from '../api/client'

const AGAIN_MS = 5_000

/** Code of a page that couldn't be fetched: the platform is away, or was replaced by a newer one. */
function isLoadError(error: unknown): boolean {
  return (
    error instanceof Error &&
    /dynamically imported module|preload CSS|module script/i.test(error.message)
  )
}

async function reloadWhenReached(): Promise<void> {
  if (await isReached()) window.location.reload()
}

/** A page that failed in its own code, or whose code couldn't be loaded. */
export function ErrorPage() {
  const { t } = useTranslation()
  const error = useRouteError()
  const isUnreached = isLoadError(error)
  useEffect(() => {
    if (!isUnreached) return
    const timer = setInterval(() => void reloadWhenReached(), AGAIN_MS)
    return () => clearInterval(timer)
  }, [isUnreached])
  return (
    <Container size="sm" py="xl" role="alert">
      <Alert
        color="red"
        variant="outline"
        title={t(isUnreached ? 'state.offline' : 'state.broken')}
      >
        <Stack>
          {isUnreached
            ? t('state.offlineHint')
            : error instanceof Error
              ? error.message
              : String(error)}
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
