import { Stack } from '@mantine/core'
import { useTranslation } from 'react-i18next'
import { useMay, useMe } from '../../api/people'
import { useStorage } from '../../api/storage'
import type { StorageStatus } from '../../api/types'
import { Facts } from '../../components/Facts'
import { Loaded } from '../../components/Loaded'
import { NotAllowed } from '../../components/NotAllowed'
import { PageHead } from '../../components/PageHead'
import { Section } from '../../components/Section'
import { useFormat } from '../../format/use'
import { ByMachine } from './ByMachine'
import { Upkeep } from './Upkeep'

/** What the database takes up, and whether the work on stored data goes well. */
export function StoragePage() {
  const { t } = useTranslation('storage')
  const may = useMay()
  const me = useMe()
  return (
    <>
      <PageHead title={t('title')} />
      <Loaded query={me}>{() => (may('policies.write') ? <Status /> : <NotAllowed />)}</Loaded>
    </>
  )
}

function Status() {
  const { t } = useTranslation('storage')
  const may = useMay()
  const status = useStorage()
  return (
    <Stack gap="md">
      <Loaded query={status} height={320}>
        {(data) => (
          <>
            <Section title={t('database.title')}>
              <Database status={data} />
            </Section>
            <Section title={t('upkeep.title')}>
              <Upkeep status={data} />
            </Section>
          </>
        )}
      </Loaded>
      {may('telemetry.read') && may('machines.read') && (
        <Section title={t('machines.title')}>
          <ByMachine />
        </Section>
      )}
    </Stack>
  )
}

const DATABASES = ['sqlite', 'postgresql', 'timescaledb'] as const

function Database({ status }: { status: StorageStatus }) {
  const { t } = useTranslation('storage')
  const format = useFormat()
  const known = DATABASES.find((name) => name === status.database)
  return (
    <Facts
      items={[
        [t('database.kind'), known ? t(`database.kinds.${known}`) : status.database],
        [t('database.size'), format.bytes(status.bytes)],
        [t('database.perValue'), format.bytes(status.bytes_per_point)],
        [t('waiting.title'), <Waiting status={status} />],
      ]}
    />
  )
}

/** How far the values by minute and hour are behind. */
function Waiting({ status: { waiting } }: { status: StorageStatus }) {
  const { t } = useTranslation('storage')
  const format = useFormat()
  if (!waiting) return <>{t('waiting.timescale')}</>
  const parts = [
    waiting.signals > 0 && t('waiting.signals', { count: waiting.signals }),
    waiting.hours > 0 && t('waiting.hours', { count: waiting.hours }),
    waiting.oldest && t('waiting.oldest', { at: format.dateTime(waiting.oldest) }),
  ].filter((part) => typeof part === 'string')
  return <>{parts.length === 0 ? t('waiting.none') : parts.join('; ')}</>
}
