import { Anchor, Button, List, Text } from '@mantine/core'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { Link } from 'react-router'
import { useFormat } from '../../format/use'
import type { NumberedMark } from './marks'
import { Said } from '../Said'

const FIRST = 5
/** What is over sooner has one time, not two. */
const MOMENT_MS = 1_000

/** The marks as text, under the numbers that they have in the chart; newest first. */
export function MarkList({ marks, cut }: { marks: readonly NumberedMark[]; cut: boolean }) {
  const { t } = useTranslation('machine')
  const [all, setAll] = useState(false)
  if (marks.length === 0) return null
  const newest = marks.toReversed()
  const shown = all ? newest : newest.slice(0, FIRST)
  return (
    <>
      <List size="sm" listStyleType="none" mt="xs" aria-label={t('chart.marks')}>
        {shown.map((mark) => (
          <List.Item key={`${mark.kind}${mark.number}`}>
            <MarkText mark={mark} />
          </List.Item>
        ))}
      </List>
      {cut && all && (
        <Text size="sm" c="dimmed">
          {t('chart.marksCut', { count: marks.length })}
        </Text>
      )}
      {marks.length > FIRST && (
        <Button variant="subtle" size="compact-sm" onClick={() => setAll(!all)}>
          {all ? t('chart.fewerMarks') : t('chart.allMarks', { count: marks.length })}
        </Button>
      )}
    </>
  )
}

function MarkText({ mark }: { mark: NumberedMark }) {
  const { t } = useTranslation()
  const format = useFormat()
  const lasted = mark.until ? mark.until - mark.at : 0
  const until = lasted >= MOMENT_MS ? ` – ${format.dateTime(mark.until)}` : ''
  const severity = mark.severity ? ` (${t(`severity.${mark.severity}`)})` : ''
  const text = `${t(`chart.${mark.kind}`)}${severity}: ${mark.label}`
  return (
    <>
      {mark.number}. {format.dateTime(mark.at)}
      {until} ·{' '}
      {mark.to ? (
        <Anchor component={Link} to={mark.to} size="sm" underline="always">
          <Said>{text}</Said>
        </Anchor>
      ) : (
        <Said>{text}</Said>
      )}
    </>
  )
}
