import { useMemo } from 'react'
import { useTranslation } from 'react-i18next'
import type { MarkWords } from './marks'

export function useMarkWords(): MarkWords {
  const { t } = useTranslation('backtests')
  return useMemo(
    () => ({
      onlyRule: (message) => t('mark.onlyRule', { message }),
      onlyAgainst: t('mark.onlyAgainst'),
      failure: (name, isAnnounced) => {
        const text = name ?? t('mark.unnamed')
        return t(isAnnounced ? 'mark.announced' : 'mark.missed', { name: text })
      },
    }),
    [t],
  )
}
