import { Center, Loader } from '@mantine/core'
import { useQueryClient } from '@tanstack/react-query'
import { useEffect, useState, useSyncExternalStore } from 'react'
import { useTranslation } from 'react-i18next'
import { Navigate, useLocation } from 'react-router'
import { startEvents } from '../api/events'
import { isSignedIn, onSessionChange, renew } from '../api/session'
import { Offline } from '../components/Offline'
import { Shell } from './Shell'

/** The pages, for somebody who is signed in; else the way to the sign-in and back. */
export function SignedIn() {
  const { t } = useTranslation()
  const signedIn = useSyncExternalStore(onSessionChange, isSignedIn)
  const [resume, setResume] = useState<'asking' | 'no' | 'offline'>(signedIn ? 'no' : 'asking')
  const location = useLocation()
  useEffect(() => {
    if (resume !== 'asking') return
    renew().then(
      () => setResume('no'),
      () => setResume('offline'),
    )
  }, [resume])
  if (signedIn) return <Following />
  if (resume === 'offline') return <Offline onRetry={() => setResume('asking')} />
  if (resume === 'asking') {
    return (
      <Center mih="60vh">
        <Loader role="status" aria-label={t('state.loading')} />
      </Center>
    )
  }
  return <Navigate to="/sign-in" replace state={{ from: location.pathname + location.search }} />
}

function Following() {
  const queries = useQueryClient()
  useEffect(() => startEvents(queries), [queries])
  return <Shell />
}
