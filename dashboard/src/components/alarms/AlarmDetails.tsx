import { Box, Code, Text } from '@mantine/core'
import type { ReactNode } from 'react'
import { useTranslation } from 'react-i18next'
import type { Alarm } from '../../api/types'
import { useFormat } from '../../format/use'
import { Facts } from '../Facts'
import { Said } from '../Said'
import classes from './alarms.module.css'
import { useCauseWords } from './causeWords'
import { causesOf, findingsOf, MESSAGE_KEY } from './explain'
import { useFindingWords } from './findingWords'

/** Values when it was raised, its times and its ids. */
export function AlarmDetails({ alarm }: { alarm: Alarm }) {
  const { t } = useTranslation('alarms')
  const format = useFormat()
  const sentencesOf = useSentences()
  const values = Object.entries(alarm.context)
    .filter(([name]) => alarm.origin !== 'rule' || name !== MESSAGE_KEY)
    .map(([name, value]): readonly [string, ReactNode] => {
      const sentences = sentencesOf(alarm, name)
      if (sentences) return [t('why.title'), <Lines key={name} lines={sentences} />]
      return [name, isMoment(value) ? format.dateTime(value) : format.measured(value)]
    })
  const times = [
    [t('details.raised'), format.dateTime(alarm.raised_at)],
    [t('details.received'), format.dateTime(alarm.received_at)],
    [t('details.changed'), format.dateTime(alarm.changed_at)],
    [t('details.acknowledged'), format.dateTime(alarm.acknowledged_at)],
    [t('details.cleared'), format.dateTime(alarm.cleared_at)],
  ] as const
  const ids = [
    [t('details.origin'), t(`origin.${alarm.origin}`)],
    [t('details.code'), <Code key="code">{alarm.code}</Code>],
    [t('details.alarmId'), <Code key="alarm">{alarm.id}</Code>],
    [t('details.machineId'), <Code key="machine">{alarm.machine_id}</Code>],
  ] as const
  return (
    <div className={classes.details}>
      <Box>
        <Text fw={600} size="sm">
          {t('details.values')}
        </Text>
        {values.length > 0 ? (
          <Facts items={values} />
        ) : (
          <Text size="sm">{t('details.noValues')}</Text>
        )}
      </Box>
      <Box>
        <Text fw={600} size="sm">
          {t('details.times')}
        </Text>
        <Facts items={times} />
      </Box>
      <Box>
        <Text fw={600} size="sm">
          {t('details.ids')}
        </Text>
        <Facts items={ids} />
      </Box>
    </div>
  )
}

function Lines({ lines }: { lines: readonly string[] }) {
  return lines.map((line, place) => (
    <div key={place}>
      <Said>{line}</Said>
    </div>
  ))
}

const noUnit = () => ''

/** The lists of a rule's context as sentences; undefined where not all in them is understood. */
function useSentences(): (alarm: Alarm, name: string) => string[] | undefined {
  const causeWords = useCauseWords()
  const findingWords = useFindingWords()
  const wordsOf = (context: object, name: string): string[] => {
    if (name === 'causes') return causesOf(context).map((cause) => causeWords(cause, noUnit))
    if (name !== 'findings') return []
    return findingsOf(context).map((finding) => findingWords(finding, ''))
  }
  return ({ origin, context }, name) => {
    const list: unknown = (context as Record<string, unknown>)[name]
    if (origin !== 'rule' || !Array.isArray(list) || list.length === 0) return undefined
    const words = wordsOf(context, name)
    return words.length === list.length && words.every((each) => each !== '') ? words : undefined
  }
}

/** Values that are moments are told as RFC 3339. */
function isMoment(value: unknown): value is string {
  return typeof value === 'string' && /^\d{4}-\d{2}-\d{2}T[\d:.]+Z$/.test(value)
}
