import { Button, Group, Stack, Text, Title } from '@mantine/core'
import { useDebouncedValue } from '@mantine/hooks'
import { useMemo, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { useTelemetry } from '../../api/machines'
import type { TelemetrySeries } from '../../api/types'
import type { ChartLimit, NumberSeries } from '../../components/chart/series'
import { TimeChart } from '../../components/chart/TimeChart'
import { Empty, Loaded } from '../../components/Loaded'
import { given } from '../../format/entered'
import { useFormat } from '../../format/use'
import { beyond, lastsMs } from './beyond'
import type { RuleForm } from './form'

const SHOWN_MS = 6 * 3_600_000
const POINTS = 720
const TYPING_MS = 400

/** The last hours of the signal, with the limits in it. */
export function Preview({ machineId, form }: { machineId: string; form: RuleForm }) {
  const { t } = useTranslation('rules')
  const [to, setTo] = useState(() => Date.now())
  const [signal] = useDebouncedValue(form.signal.trim(), TYPING_MS)
  const from = to - SHOWN_MS
  const telemetry = useTelemetry(
    machineId,
    { signals: [signal], from, to, points: POINTS },
    { enabled: signal !== '' },
  )
  if (signal === '') return null
  return (
    <section aria-label={t('preview.title')}>
      <Group justify="space-between" mb="xs">
        <Title order={2} size="h4">
          {t('preview.title')}
        </Title>
        <Button size="compact-sm" variant="default" onClick={() => setTo(Date.now())}>
          {t('preview.refresh')}
        </Button>
      </Group>
      <Loaded query={telemetry} height={260}>
        {({ series }) => <History series={series[0]} form={form} from={from} to={to} />}
      </Loaded>
    </section>
  )
}

/** As openapi-fetch gives it: it takes tuples for lists. */
type Received = Omit<TelemetrySeries, 'points'> & { points: readonly unknown[] }

interface HistoryProps {
  series: Received | undefined
  form: RuleForm
  from: number
  to: number
}

function History({ series, form, from, to }: HistoryProps) {
  const { t } = useTranslation('rules')
  const shown = useMemo(() => series && numbersOf(series), [series])
  const limits = useLimits(form)
  if (series?.kind && series.kind !== 'number') return <Empty>{t('preview.notNumber')}</Empty>
  if (!shown || shown.points.length === 0) return <Empty>{t('preview.none')}</Empty>
  return (
    <Stack gap="xs">
      <TimeChart series={[shown]} limits={limits} from={from} to={to} height={260} />
      <Estimate series={shown} form={form} />
    </Stack>
  )
}

/** The series for the chart and the estimate, when it is one of numbers. */
function numbersOf(series: Received): NumberSeries | undefined {
  if (series.kind !== 'number') return undefined
  const points = series.points as NumberSeries['points']
  return { kind: 'number', signal: series.signal, resolution: series.resolution, points }
}

function useLimits({ limit, clear_at }: RuleForm): ChartLimit[] {
  const { t, i18n } = useTranslation('rules')
  const value = given(limit, i18n.language)
  const back = given(clear_at, i18n.language)
  return useMemo(() => {
    const limits: ChartLimit[] = []
    if (value !== undefined) limits.push({ value, label: t('field.limit') })
    if (back !== undefined && back !== value) {
      limits.push({ value: back, label: t('field.clearAt') })
    }
    return limits
  }, [value, back, t])
}

function Estimate({ series, form }: { series: NumberSeries; form: RuleForm }) {
  const { t } = useTranslation('rules')
  const format = useFormat()
  const limit = given(form.limit, format.language)
  if (limit === undefined) return null
  const clearAt = given(form.clear_at, format.language)
  const holdMs = (given(form.hold_s, format.language) ?? 0) * 1000
  const { direction } = form
  const found = beyond(series.points, { direction, limit, clearAt, holdMs }, lastsMs(series.points))
  const texts = {
    count: found.times,
    total: format.duration(found.totalMs),
    longest: format.duration(found.longestMs),
  }
  return (
    <Text size="sm" role="status" data-testid="estimate">
      {found.times === 0 ? t('preview.never') : t('preview.beyond', texts)}{' '}
      {found.times > 0 && t('preview.alarms', { count: found.alarms })}{' '}
      {series.resolution > 0 &&
        t('preview.mean', { time: format.duration(series.resolution * 1000) })}
    </Text>
  )
}
