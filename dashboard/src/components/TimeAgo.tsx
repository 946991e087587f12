import { useTranslation } from 'react-i18next'
import type { Moment } from '../format/format'
import { millis } from '../format/format'
import { useFormat, useNow } from '../format/use'

/** How long ago, kept current; the exact time on hover and for scripts. */
export function TimeAgo({ at }: { at: Moment | null | undefined }) {
  const { t } = useTranslation()
  const format = useFormat()
  const now = useNow()
  if (at === null || at === undefined) return <>{t('time.never')}</>
  return (
    <time dateTime={new Date(millis(at)).toISOString()} title={format.dateTime(at)}>
      {format.relative(at, now)}
    </time>
  )
}
