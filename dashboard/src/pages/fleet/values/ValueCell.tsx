import { Group, Text, VisuallyHidden } from '@mantine/core'
import { useTranslation } from 'react-i18next'
import type { Machine, Signal } from '../../../api/types'
import { QualityBadge } from '../../../components/badges'
import { useValueText } from '../../../components/chart/useValueText'
import { Said } from '../../../components/Said'
import { ageOf, isOld } from '../../../format/age'
import { millis, NOTHING } from '../../../format/format'
import { useFormat, useNow } from '../../../format/use'
import { newestOf } from './newest'
import type { MachineValues } from './valuesFollower'
import classes from './values.module.css'

interface ValueCellProps {
  machine: Machine
  signal: string
  values: MachineValues | undefined
}

/** The newest value of a machine's signal, what it is worth, and how old it is. */
export function ValueCell({ machine, signal, values }: ValueCellProps) {
  const { t } = useTranslation('fleet')
  const newest = newestOf(machine, values, signal)
  if (newest === 'waiting') return <Missing sign="…" words={t('values.waiting')} />
  if (typeof newest === 'string') return <Missing sign={NOTHING} words={t(`values.${newest}`)} />
  return (
    <>
      <Value newest={newest} />
      {newest.ts && <Age ts={newest.ts} offsetMs={machine.connection.clock_offset_ms} />}
    </>
  )
}

function Missing({ sign, words }: { sign: string; words: string }) {
  return (
    <>
      <span aria-hidden>{sign}</span>
      <VisuallyHidden>{words}</VisuallyHidden>
    </>
  )
}

function Value({ newest }: { newest: Signal }) {
  const text = useValueText()
  const { value, unit, quality } = newest
  const shown = text(value, unit)
  return (
    <Group gap={6} wrap="nowrap" miw={0}>
      <Text span size="sm" truncate className={classes.value} title={shown}>
        <Said>{shown}</Said>
      </Text>
      {quality && quality !== 'good' && (
        <span className={classes.quality}>
          <QualityBadge quality={quality} />
        </span>
      )}
    </Group>
  )
}

function Age({ ts, offsetMs }: { ts: string; offsetMs: number | null | undefined }) {
  const { t } = useTranslation('fleet')
  const format = useFormat()
  const now = useNow()
  const age = ageOf(millis(ts), now, offsetMs)
  return (
    <Text span display="block" size="xs" c="dimmed" truncate>
      <time dateTime={ts} title={format.dateTime(ts)}>
        {format.relative(now - age, now)}
      </time>
      {isOld(age, undefined) && (
        <>
          {' · '}
          <strong>{t('values.old')}</strong>
        </>
      )}
    </Text>
  )
}
