import { Alert, Button, Checkbox, Group, SegmentedControl, Stack, Text } from '@mantine/core'
import { useTranslation } from 'react-i18next'
import { Empty } from '../../../components/Loaded'
import { MachineSelect } from '../../../components/MachineSelect'
import { Section } from '../../../components/Section'
import { useTroubleText } from '../../../components/trouble'
import { BacktestEnd } from '../results/BacktestEnd'
import { BacktestProgress } from '../results/BacktestProgress'
import { machineOf } from '../results/marks'
import { RuleChart } from '../results/RuleChart'
import { RunSummary } from '../results/RunSummary'
import { useMarks } from '../results/useMarks'
import type { Editor } from '../useRuleEditor'
import type { Watched } from '../useWatched'
import { type RulePreview, type Span, SPANS } from './usePreview'

interface PreviewProps {
  preview: RulePreview
  watched: Watched
  editor: Editor
}

/** What the rule would have done, over the values of a real machine. */
export function Preview({ preview, watched, editor }: PreviewProps) {
  const { t } = useTranslation('rules')
  const { machineId, trial, from, to } = preview
  const { condition } = editor
  const ended = trial.state === 'ended' ? trial.backtest : undefined
  const marks = useMarks(ended, machineId, 'saved')
  return (
    <Section
      title={t('preview.title')}
      actions={
        <Button size="compact-sm" variant="default" onClick={preview.upToNow}>
          {t('preview.refresh')}
        </Button>
      }
    >
      <Stack gap="sm">
        <Controls preview={preview} watched={watched} />
        {machineId && condition ? (
          <RuleChart
            machineId={machineId}
            condition={condition}
            marks={marks}
            from={from}
            to={to}
          />
        ) : (
          <Empty>{t(machineId ? 'preview.incomplete' : 'preview.noMachine')}</Empty>
        )}
        <Outcome preview={preview} />
      </Stack>
    </Section>
  )
}

function Controls({ preview, watched }: Omit<PreviewProps, 'editor'>) {
  const { t } = useTranslation('rules')
  const spans = Object.keys(SPANS) as Span[]
  return (
    <Group gap="sm" align="flex-end">
      {watched.model !== undefined && watched.machineId && (
        <MachineSelect
          label={t('preview.on')}
          allowDeselect={false}
          filter={{ model: watched.model }}
          value={watched.machineId}
          onChange={watched.choose}
        />
      )}
      <SegmentedControl
        aria-label={t('preview.span')}
        value={preview.span}
        onChange={(value) => preview.setSpan(value)}
        data={spans.map((value) => ({ value, label: t(`preview.spans.${value}`) }))}
      />
      {preview.rule && (
        <Checkbox
          label={t('preview.compare')}
          checked={preview.isCompared}
          onChange={(event) => preview.setCompared(event.currentTarget.checked)}
        />
      )}
    </Group>
  )
}

/** Where the trial is, and what has come out. */
function Outcome({ preview }: { preview: RulePreview }) {
  const { t } = useTranslation('rules')
  const { trial, machineId } = preview
  switch (trial.state) {
    case 'none':
      return null
    case 'waiting':
      return (
        <Text size="sm" c="dimmed" role="status">
          {t('preview.waiting')}
        </Text>
      )
    case 'running':
      return <BacktestProgress backtest={trial.backtest} />
    case 'failed':
      return <Refused preview={preview} error={trial.error} />
    case 'ended': {
      const { result } = trial.backtest
      if (!result || !machineId) {
        return <BacktestEnd backtest={trial.backtest} onAgain={preview.again} />
      }
      return (
        <RunSummary
          totals={result.rule.totals}
          machine={machineOf(result.rule, machineId)}
          against={result.against?.totals}
          differences={result.differences ?? undefined}
          comparedWith="saved"
        />
      )
    }
  }
}

function Refused({ preview, error }: { preview: RulePreview; error: unknown }) {
  const { t } = useTranslation('rules')
  const text = useTroubleText()
  const { others, hasObjections } = preview
  const words = others.length > 0 ? others.join('; ') : undefined
  return (
    <Alert color="red" variant="outline" role="alert" title={t('preview.refused')}>
      <Stack gap="xs" align="flex-start">
        <Text size="sm">{words ?? (hasObjections ? t('preview.atFields') : text(error))}</Text>
        <Button size="xs" variant="default" onClick={preview.again}>
          {t('preview.again')}
        </Button>
      </Stack>
    </Alert>
  )
}
