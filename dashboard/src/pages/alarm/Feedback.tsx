import { Button, Group, Stack, Text, Textarea } from '@mantine/core'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { useJudgeAlarm } from '../../api/alarms'
import { useMay } from '../../api/people'
import type { Alarm, FeedbackVerdict } from '../../api/types'
import { Actor } from '../../components/Actor'
import { Said } from '../../components/Said'
import { Section } from '../../components/Section'
import { TimeAgo } from '../../components/TimeAgo'
import { useNotify } from '../../components/trouble'

const VERDICTS: readonly FeedbackVerdict[] = ['real', 'nuisance', 'expected']
const NOTE_MAX = 500

/** What the alarm was worth: who said so, and a way to say so. The last word counts. */
export function Feedback({ alarm }: { alarm: Alarm }) {
  const { t } = useTranslation('alarms')
  const may = useMay()
  return (
    <Section title={t('feedback.title')}>
      <Stack gap="sm">
        <LastWord alarm={alarm} />
        {may('alarms.write') && (
          // What somebody else has said since is where one goes on.
          <FeedbackForm key={alarm.feedback?.at ?? 'none'} alarm={alarm} />
        )}
      </Stack>
    </Section>
  )
}

function LastWord({ alarm: { feedback } }: { alarm: Alarm }) {
  const { t } = useTranslation('alarms')
  if (!feedback) {
    return (
      <Text size="sm" c="dimmed">
        {t('feedback.none')}
      </Text>
    )
  }
  return (
    <div data-testid="feedback">
      <Text size="sm">
        <b>{t(`feedback.verdict.${feedback.verdict}`)}</b> · <Actor actor={feedback.by} /> ·{' '}
        <TimeAgo at={feedback.at} />
      </Text>
      {feedback.note && (
        <Text size="sm">
          <Said>{feedback.note}</Said>
        </Text>
      )}
    </div>
  )
}

function FeedbackForm({ alarm }: { alarm: Alarm }) {
  const { t } = useTranslation('alarms')
  const notify = useNotify()
  const judge = useJudgeAlarm()
  const [note, setNote] = useState(alarm.feedback?.note ?? '')
  const said = alarm.feedback?.verdict
  const say = (verdict: FeedbackVerdict) =>
    judge.mutate(
      { id: alarm.id, verdict, note: note.trim() || undefined },
      { onSuccess: () => notify.done(t('feedback.done')), onError: notify.failed },
    )
  return (
    <Stack gap="xs">
      <Textarea
        label={t('feedback.note')}
        description={t('feedback.noteHint')}
        value={note}
        onChange={(event) => setNote(event.currentTarget.value)}
        maxLength={NOTE_MAX}
        autosize
        minRows={2}
      />
      <Group gap="xs" role="group" aria-label={t('feedback.title')}>
        {VERDICTS.map((verdict) => (
          <Button
            key={verdict}
            size="sm"
            variant={said === verdict ? 'filled' : 'default'}
            aria-pressed={said === verdict}
            title={t(`feedback.means.${verdict}`)}
            loading={judge.isPending && judge.variables.verdict === verdict}
            disabled={judge.isPending}
            onClick={() => say(verdict)}
          >
            {t(`feedback.verdict.${verdict}`)}
          </Button>
        ))}
      </Group>
    </Stack>
  )
}
