import { notifications } from '@mantine/notifications'
import { useTranslation } from 'react-i18next'
import { ProblemError, troubleOf } from '../api/problem'
import { useOutage } from '../api/readiness'

/** An error in the reader's words; what the platform refuses says why itself. */
export function useTroubleText(): (error: unknown) => string {
  const { t } = useTranslation()
  const outage = useOutage()
  return (error) => {
    const trouble = troubleOf(error)
    const isAway = error instanceof ProblemError && error.status === 503
    if (isAway && outage) return t(`outage.${outage.part}.short`)
    if (trouble !== 'refused') return t(`state.${trouble}`)
    if (!(error instanceof ProblemError)) return t('state.broken')
    const fields = Object.entries(error.fields).map(([field, text]) => `${field}: ${text}`)
    return fields.length > 0 ? fields.join('; ') : error.message
  }
}

/** Tells of an action that failed, or of one that is done. */
export function useNotify() {
  const { t } = useTranslation()
  const text = useTroubleText()
  const closeButtonProps = { 'aria-label': t('action.close') }
  return {
    failed: (error: unknown) =>
      notifications.show({
        color: 'red',
        title: t('action.failed'),
        message: text(error),
        autoClose: 10_000,
        closeButtonProps,
      }),
    done: (message: string) => notifications.show({ color: 'green', message, closeButtonProps }),
  }
}
