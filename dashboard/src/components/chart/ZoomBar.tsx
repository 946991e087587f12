import { ActionIcon, Button, Group, Text } from '@mantine/core'
import { IconChevronLeft, IconChevronRight, IconZoomIn, IconZoomOut } from '@tabler/icons-react'
import { useTranslation } from 'react-i18next'
import { useFormat } from '../../format/use'
import type { Range, Step } from './zoom'

const STEPS = [
  { step: 'earlier', icon: IconChevronLeft },
  { step: 'out', icon: IconZoomOut },
  { step: 'in', icon: IconZoomIn },
  { step: 'later', icon: IconChevronRight },
] as const

interface ZoomBarProps {
  shown: Range
  isZoomed: boolean
  onStep: (step: Step) => void
  /** Id of the words that say how it is done with mouse and keys. */
  hintId: string
}

/** The time that is shown, changed without a mouse: by buttons, and in words by which keys. */
export function ZoomBar({ shown, isZoomed, onStep, hintId }: ZoomBarProps) {
  const { t } = useTranslation()
  const format = useFormat()
  const times = { from: format.dateTime(shown.from), to: format.dateTime(shown.to) }
  return (
    <Group gap="xs" justify="space-between">
      <Text size="xs" c="dimmed" visibleFrom="sm" id={hintId}>
        {t('chart.hint')}
      </Text>
      <Group gap={4}>
        <Text size="xs" role="status">
          {isZoomed && t('chart.shown', times)}
        </Text>
        {STEPS.map(({ step, icon: Icon }) => (
          <ActionIcon
            key={step}
            variant="default"
            aria-label={t(`chart.step.${step}`)}
            title={t(`chart.step.${step}`)}
            onClick={() => onStep(step)}
          >
            <Icon size={16} />
          </ActionIcon>
        ))}
        {isZoomed && (
          <Button variant="default" size="compact-sm" onClick={() => onStep('whole')}>
            {t('chart.reset')}
          </Button>
        )}
      </Group>
    </Group>
  )
}
