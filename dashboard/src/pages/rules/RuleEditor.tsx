import { Alert, Button, Group, Stack, Text } from '@mantine/core'
import { useTranslation } from 'react-i18next'
import { Link } from 'react-router'
import { useMachineName } from '../../api/fleet'
import { useSignals } from '../../api/machines'
import { useMay } from '../../api/people'
import type { Rule, Signal } from '../../api/types'
import type { RuleForm } from './form'
import { HistoryTrial } from './history/HistoryTrial'
import { Preview } from './preview/Preview'
import { usePreview } from './preview/usePreview'
import { RuleFields } from './RuleFields'
import type { Condition } from './tree/draft'
import { useRuleEditor } from './useRuleEditor'
import { useWatched } from './useWatched'
import { useRuleWords } from './words'

interface RuleEditorProps {
  /** The rule as it was read; without one a new one is made. */
  rule?: Rule
  onSaved?: (rule: Rule) => void
}

export function RuleEditor({ rule, onSaved }: RuleEditorProps) {
  const { t } = useTranslation('rules')
  const may = useMay()
  const editor = useRuleEditor(rule, onSaved)
  const watched = useWatched(editor)
  const { machineId } = watched
  const signals = useSignals(machineId ?? '', { enabled: machineId !== null })
  const mayTry = may('telemetry.read')
  const preview = usePreview({ editor, machineId: mayTry ? machineId : null, rule })
  const mayWrite = may('rules.write')
  return (
    <Stack maw={980}>
      <form onSubmit={editor.submit} noValidate>
        <Stack>
          {!mayWrite && <Text c="dimmed">{t('mayNot')}</Text>}
          <RuleFields
            editor={editor}
            objections={preview.objections}
            signals={(signals.data?.items as Signal[] | undefined) ?? NONE}
            isNew={!rule}
            disabled={!mayWrite}
          />
          <Sentence values={editor.form.values} condition={editor.condition} />
          <Bottom problem={editor.problem} mayWrite={mayWrite} isSaving={editor.isSaving} />
        </Stack>
      </form>
      {mayTry && (
        <>
          <Preview preview={preview} watched={watched} editor={editor} />
          <HistoryTrial editor={editor} machineId={machineId} rule={rule} />
        </>
      )}
    </Stack>
  )
}

const NONE: readonly Signal[] = []

interface BottomProps {
  problem: string | undefined
  mayWrite: boolean
  isSaving: boolean
}

function Bottom({ problem, mayWrite, isSaving }: BottomProps) {
  const { t: common } = useTranslation()
  return (
    <>
      <div aria-live="assertive">
        {problem && (
          <Alert color="red" variant="outline">
            {problem}
          </Alert>
        )}
      </div>
      <Group justify="flex-end">
        <Button variant="default" component={Link} to="/rules">
          {common('action.back')}
        </Button>
        {mayWrite && (
          <Button type="submit" loading={isSaving}>
            {common('action.save')}
          </Button>
        )}
      </Group>
    </>
  )
}

function Sentence({ values, condition }: { values: RuleForm; condition: Condition | undefined }) {
  const { t } = useTranslation('rules')
  const words = useRuleWords()
  const name = useMachineName(values.scope === 'machine' ? values.machine_id : undefined)
  const whose =
    values.scope === 'machine'
      ? (name ?? t('words.machine'))
      : t('words.model', { model: values.model || '…' })
  return (
    <Alert variant="outline" color="petrol" title={t('words.title')} role="status">
      {condition ? words.sentence(values, condition, whose) : t('words.missing')}
    </Alert>
  )
}
