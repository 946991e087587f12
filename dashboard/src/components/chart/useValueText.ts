import { useTranslation } from 'react-i18next'
import { useFormat } from '../../format/use'

/** A measured value in the reader's words. */
export function useValueText(): (value: unknown, unit?: string | null) => string {
  const { t } = useTranslation()
  const format = useFormat()
  return (value, unit) =>
    typeof value === 'boolean'
      ? t(`boolean.${value ? 'true' : 'false'}`)
      : format.measured(value, unit)
}
