import { Anchor, Button, Group, Progress, Text } from '@mantine/core'
import { IconSchool } from '@tabler/icons-react'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { Link } from 'react-router'
import { useLearning } from '../../../api/learning'
import { useMay } from '../../../api/people'
import type { LearningState, Machine, RuleLearning } from '../../../api/types'
import { ToneBadge } from '../../../components/badges'
import { Empty, Loaded } from '../../../components/Loaded'
import { Said } from '../../../components/Said'
import { Section } from '../../../components/Section'
import { useFormat } from '../../../format/use'
import { RelearnDialog } from '../dialogs/RelearnDialog'
import classes from '../machine.module.css'

/** Whether rules that learn the machine still learn or watch, and the way to have it learned anew. */
export function Learning({ machine }: { machine: Machine }) {
  const { t } = useTranslation('machine')
  const may = useMay()
  const learning = useLearning(machine.id)
  const [asked, setAsked] = useState(false)
  const mayRelearn = machine.state !== 'decommissioned' && may('rules.write')
  return (
    <Section
      title={t('learning.title')}
      actions={
        mayRelearn && (
          <Button
            size="xs"
            variant="default"
            leftSection={<IconSchool size={14} />}
            onClick={() => setAsked(true)}
          >
            {t('action.relearn')}
          </Button>
        )
      }
    >
      <Text size="sm" c="dimmed" mb="xs">
        {t('learning.about')}
      </Text>
      <Loaded query={learning}>
        {({ items, complete }) =>
          items.length === 0 ? (
            <Empty>{t('learning.none')}</Empty>
          ) : (
            <>
              <ul className={classes.entries} aria-label={t('learning.title')}>
                {items.map((each) => (
                  <Rule key={each.rule_id} learning={each} />
                ))}
              </ul>
              {!complete && <Text size="sm">{t('learning.more')}</Text>}
            </>
          )
        }
      </Loaded>
      <RelearnDialog machine={machine} opened={asked} onClose={() => setAsked(false)} />
    </Section>
  )
}

const TONES = {
  disabled: 'plain',
  waiting: 'warning',
  learning: 'busy',
  watching: 'good',
} as const satisfies Record<LearningState, string>

function Rule({ learning }: { learning: RuleLearning }) {
  const { t } = useTranslation('machine')
  const format = useFormat()
  const { state, missing, watching, detectors, as_of: asOf } = learning
  const signals = missing.join(', ')
  return (
    <li>
      <Group gap="xs">
        <ToneBadge tone={TONES[state]}>{t(`learning.state.${state}`)}</ToneBadge>
        <Anchor component={Link} to={`/rules/${learning.rule_id}`} size="sm" fw={600}>
          <Said>{learning.rule_name}</Said>
        </Anchor>
      </Group>
      {state === 'learning' && <Seen learning={learning} />}
      <Text size="sm">
        <HowFar learning={learning} />
        {detectors > 1 &&
          watching < detectors &&
          ` ${t('learning.parts', { watching, detectors })}`}
      </Text>
      {signals && <Text size="sm">{t('learning.missing', { signals })}</Text>}
      {asOf && (
        <Text size="xs" c="dimmed">
          {t('learning.asOf', { when: format.dateTime(asOf) })}
        </Text>
      )}
    </li>
  )
}

function Seen({ learning }: { learning: RuleLearning }) {
  const { t } = useTranslation('machine')
  const seen = learning.seen ?? 0
  const needed = Math.max(1, learning.needed ?? 1)
  const label = t('learning.seen', { seen, needed })
  return (
    <Progress value={Math.min(100, (seen / needed) * 100)} aria-label={label} my={4} maw={320} />
  )
}

/** What it has done so far, in a sentence. */
function HowFar({ learning }: { learning: RuleLearning }) {
  const { t } = useTranslation('machine')
  const format = useFormat()
  const { learning_since: since, learning_until: until, watching_since: watches } = learning
  switch (learning.state) {
    case 'disabled':
      return <>{t('learning.disabled')}</>
    case 'waiting':
      return <>{t('learning.waiting')}</>
    case 'learning':
      return (
        <>
          {t('learning.seen', { seen: learning.seen ?? 0, needed: learning.needed ?? 0 })}
          {since && ` ${t('learning.since', { when: format.dateTime(since) })}`}
          {until && ` ${t('learning.until', { when: format.dateTime(until) })}`}
        </>
      )
    case 'watching':
      return (
        <>
          {watches
            ? t('learning.watchesSince', { when: format.dateTime(watches) })
            : t('learning.watches')}
        </>
      )
  }
}
