import { Alert, Button, Container, Group, Stack, Text } from '@mantine/core'
import { useEffect } from 'react'
import { useTranslation } from 'react-i18next'
import { Link, useRouteError } from 'react-router'
import { isReached } from '../api/client'
import { OutageNotice } from '../components/OutageNotice'

const AGAIN_MS = 5_000
/** By itself the page reloads no more often: code may be missing for good. */
const RELOAD_MS = 60_000
const RELOADED = 'millwright.reloaded'

/** Code of a page that couldn't be fetched: the platform is away, or was replaced by a newer one. */
function isLoadError(error: unknown): boolean {
  return (
    error instanceof Error &&
    /dynamically imported module|preload CSS|module script/i.test(error.message)
  )
}

async function reloadWhenReached(reload: () => void): Promise<void> {
  const last = Number(sessionStorage.getItem(RELOADED) ?? 0)
  if (Date.now() - last < RELOAD_MS || !(await isReached())) return
  sessionStorage.setItem(RELOADED, String(Date.now()))
  reload()
}

function reloadPage(): void {
  window.location.reload()
}

/** A page that failed in its own code, or whose code couldn't be loaded. */
export function ErrorPage({ reload = reloadPage }: { reload?: () => void }) {
  const { t } = useTranslation()
  const error = useRouteError()
  const isUnloaded = isLoadError(error)
  useEffect(() => {
    if (!isUnloaded) return
    const timer = setInterval(() => void reloadWhenReached(reload), AGAIN_MS)
    return () => clearInterval(timer)
  }, [isUnloaded, reload])
  return (
    <Container size="sm" py="xl">
      <Alert
        color="red"
        variant="outline"
        title={t(isUnloaded ? 'state.notLoaded' : 'state.broken')}
      >
        <Stack>
          <Text size="sm">
            {isUnloaded
              ? t('state.notLoadedHint')
              : error instanceof Error
                ? error.message
                : String(error)}
          </Text>
          <OutageNotice />
          <Group>
            <Button onClick={reload}>{t('state.reload')}</Button>
            <Button variant="default" component={Link} to="/" reloadDocument>
              {t('state.toNow')}
            </Button>
          </Group>
        </Stack>
      </Alert>
    </Container>
  )
}
