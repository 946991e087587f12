import { Group, Text } from '@mantine/core'
import { useTranslation } from 'react-i18next'
import { useFormat } from '../../format/use'
import { lineColor, lineDash } from './colors'
import { colorIndex, valuesOf } from './lanes'
import type { Model } from './model'
import { scaleKey } from './scales'
import type { ChartSeries } from './series'
import { useValueText } from './useValueText'
import { valueAt } from './values'
import classes from './chart.module.css'

/** Values of a state that are named. */
const KEYS_MAX = 6

/** The lines with their values under the cursor, else the newest. */
export function Legend({
  series,
  model,
  at,
}: {
  series: readonly ChartSeries[]
  model: Model
  at: number | undefined
}) {
  const { t } = useTranslation('machine')
  const format = useFormat()
  const text = useValueText()
  const axisOf = (each: ChartSeries) =>
    each.kind === 'number'
      ? (model.scales.find(({ key }) => key === scaleKey(each))?.axis ?? 'own')
      : undefined
  const severalScales = model.scales.length > 1
  return (
    <Group gap="md" wrap="wrap" mt={4} className={classes.legend}>
      <Text size="sm" c="dimmed" className={classes.time}>
        {at === undefined ? t('chart.newest') : format.dateTime(at)}
      </Text>
      {series.map((each) => {
        const axis = axisOf(each)
        return (
          <Group key={each.signal} gap={6} wrap={each.kind === 'number' ? 'nowrap' : 'wrap'}>
            {each.kind === 'number' && <Swatch model={model} signal={each.signal} />}
            <Text size="sm" span>
              {each.signal}
              {severalScales && axis && <span> ({t(`chart.axis.${axis}`)})</span>}
            </Text>
            <Text size="sm" span fw={600} className={classes.value}>
              {text(valueAt(each, at), each.unit)}
            </Text>
            {each.kind !== 'number' && <StateKeys model={model} signal={each.signal} />}
          </Group>
        )
      })}
    </Group>
  )
}

function Swatch({ model, signal }: { model: Model; signal: string }) {
  const index = model.numbers.findIndex((each) => each.signal === signal)
  return (
    <svg width={24} height={8} aria-hidden="true">
      <line
        x1={0}
        x2={24}
        y1={4}
        y2={4}
        stroke={lineColor(model.colors, index)}
        strokeWidth={2.5}
        strokeDasharray={lineDash(index).join(' ')}
      />
    </svg>
  )
}

/** Values of a state whose bands may be too narrow for their names. */
function StateKeys({ model, signal }: { model: Model; signal: string }) {
  const text = useValueText()
  const lane = model.lanes.find((each) => each.signal === signal)
  if (!lane) return null
  return valuesOf(lane, KEYS_MAX).map((value) => {
    const [background, color] = model.colors.states[colorIndex(value)] ?? []
    return (
      <span key={String(value)} className={classes.state} style={{ background, color }}>
        {text(value)}
      </span>
    )
  })
}
