import { List, Progress, Stack, Text } from '@mantine/core'
import { useTranslation } from 'react-i18next'
import { useSignals } from '../../api/machines'
import type { Alarm } from '../../api/types'
import { useCauseWords } from '../../components/alarms/causeWords'
import { causesOf, type Finding, findingsOf } from '../../components/alarms/explain'
import { useFindingWords } from '../../components/alarms/findingWords'
import { useMadeWords } from '../../components/alarms/madeWords'
import { useAlarmWords } from '../../components/alarms/words'
import { Said } from '../../components/Said'
import { Section } from '../../components/Section'
import { TimeAgo } from '../../components/TimeAgo'
import { useFormat } from '../../format/use'
import classes from './alarm.module.css'

/** Why it was raised: in words, with the values and limits, and which signals spoke how loud. */
export function Explanation({ alarm }: { alarm: Alarm }) {
  const { t } = useTranslation('alarms')
  const words = useAlarmWords()
  const causeWords = useCauseWords()
  const made = useMadeWords()
  const { data } = useSignals(alarm.machine_id)
  const unitOf = (name: string) => data?.items.find(({ signal }) => signal === name)?.unit ?? ''
  const findings = findingsOf(alarm.context)
  const causes = causesOf(alarm.context)
  // The message would say the same as the list.
  const isListed = causes.length > 0 && !!made(alarm.context)
  return (
    <Section title={t('why.title')}>
      <Stack gap="xs">
        {!isListed && (
          <Text>
            <Said>{words(alarm)}</Said>
          </Text>
        )}
        {causes.length > 0 && (
          <List size="sm" data-testid="causes">
            {causes.map((cause, place) => (
              <List.Item key={place}>
                <Said>{causeWords(cause, unitOf)}</Said>
              </List.Item>
            ))}
          </List>
        )}
        {findings.length > 0 && <Findings findings={findings} unitOf={unitOf} />}
        <Text size="sm" c="dimmed">
          {t('why.since')} <TimeAgo at={alarm.raised_at} />
        </Text>
      </Stack>
    </Section>
  )
}

interface FindingsProps {
  findings: readonly Finding[]
  unitOf: (signal: string) => string
}

function Findings({ findings, unitOf }: FindingsProps) {
  const { t } = useTranslation('alarms')
  return (
    <div>
      <Text size="sm" fw={600}>
        {t('why.findings')}
      </Text>
      <ul className={classes.findings}>
        {findings.map((finding, place) => (
          <FindingRow key={place} finding={finding} unit={unitOf(finding.signal ?? '')} />
        ))}
      </ul>
    </div>
  )
}

function FindingRow({ finding, unit }: { finding: Finding; unit: string }) {
  const { t } = useTranslation('alarms')
  const format = useFormat()
  const words = useFindingWords()
  const { aspect, share, observed, expected, sigmas } = finding
  const name = aspect ? t(`why.aspect.${aspect}`) : finding.name
  // A distance between courses, not a value of the signal.
  const ofShape = aspect === 'shape'
  const percent = Math.round(share * 100)
  const hasNumbers = observed !== undefined && expected !== undefined
  return (
    <li className={classes.finding} title={words(finding, unit)}>
      <Text size="sm" fw={550} className={classes.name}>
        <Said>{name}</Said>
      </Text>
      <Progress value={percent} size="md" aria-label={t('why.share', { name, percent })} />
      <Text size="sm" className={classes.numbers}>
        {percent}&nbsp;%
        {sigmas !== undefined &&
          ` · ${t(sigmas < 0 ? 'why.sigmaBelow' : 'why.sigmaAbove', {
            sigmas: format.number(Math.abs(sigmas), 1),
          })}`}
        {hasNumbers &&
          ` · ${t('why.observed', {
            observed: format.measured(observed, ofShape ? '' : unit),
            expected: format.measured(expected, ofShape ? '' : unit),
          })}`}
      </Text>
    </li>
  )
}
