import { Button, Collapse, Group, Stack, Text } from '@mantine/core'
import { useDisclosure } from '@mantine/hooks'
import { useId, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { Link } from 'react-router'
import { useCreateBacktest } from '../../../api/backtests'
import type { Rule } from '../../../api/types'
import { Section } from '../../../components/Section'
import { useTroubleText } from '../../../components/trouble'
import type { Editor } from '../useRuleEditor'
import { BacktestView } from './BacktestView'
import { firstForm, type HistoryForm, historyInput, historyProblem } from './historyForm'
import { HistoryFields } from './HistoryFields'

interface HistoryTrialProps {
  editor: Editor
  machineId: string | null
  rule: Rule | undefined
}

/** Tries the rule as it is edited on a long time of several machines. */
export function HistoryTrial(props: HistoryTrialProps) {
  const { t } = useTranslation('backtests')
  const [opened, { toggle }] = useDisclosure(false)
  const id = useId()
  return (
    <Section
      title={t('history.title')}
      actions={
        <Group gap="xs">
          <Button size="compact-sm" variant="subtle" component={Link} to="/rules/backtests">
            {t('history.mine')}
          </Button>
          <Button
            size="compact-sm"
            variant="default"
            onClick={toggle}
            aria-expanded={opened}
            aria-controls={id}
          >
            {t(opened ? 'history.close' : 'history.open')}
          </Button>
        </Group>
      }
    >
      <Text size="sm" c="dimmed">
        {t('history.what')}
      </Text>
      <Collapse id={id} expanded={opened} keepMounted={false}>
        <Trial {...props} />
      </Collapse>
    </Section>
  )
}

function Trial({ editor, machineId, rule }: HistoryTrialProps) {
  const { t, i18n } = useTranslation('backtests')
  const text = useTroubleText()
  const create = useCreateBacktest()
  const [form, setForm] = useState(() => firstForm(Date.now()))
  const [problem, setProblem] = useState<string>()
  const [begun, setBegun] = useState<string>()
  const { input } = editor
  const change = (more: Partial<HistoryForm>) => {
    setProblem(undefined)
    setForm((before) => ({ ...before, ...more }))
  }
  const start = () => {
    const now = Date.now()
    const wrong = historyProblem(form, now, i18n.language)
    setProblem(wrong && t(`problem.${wrong}`))
    const body = input && historyInput(form, { input, rule, now, language: i18n.language })
    if (wrong || !body) return
    const named = { ...body, name: body.name || t('history.unnamed') }
    create.mutate(named, {
      onSuccess: ({ id }) => setBegun(id),
      onError: (error) => setProblem(text(error)),
    })
  }
  return (
    <Stack gap="sm" mt="sm">
      <HistoryFields form={form} change={change} machineId={machineId} rule={rule} />
      <Group gap="sm">
        <Button loading={create.isPending} disabled={!input} onClick={start}>
          {t('history.start')}
        </Button>
        {!input && (
          <Text size="sm" c="dimmed">
            {t('history.incomplete')}
          </Text>
        )}
      </Group>
      <div role="alert">
        {problem && (
          <Text size="sm" c="red">
            {problem}
          </Text>
        )}
      </div>
      {begun && <BacktestView key={begun} id={begun} isLinked />}
    </Stack>
  )
}
