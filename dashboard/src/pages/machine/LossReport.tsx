import { ScrollArea, SimpleGrid, Stack, Table, Text, Title } from '@mantine/core'
import { useTranslation } from 'react-i18next'
import { useLoss } from '../../api/machines'
import type { Loss } from '../../api/types'
import { Empty, Loaded } from '../../components/Loaded'
import { useFormat } from '../../format/use'
import classes from './machine.module.css'

const COUNTERS = [
  'duplicates',
  'conflicts',
  'late',
  'ahead',
  'quarantined',
  'quarantine_dropped',
] as const

/** How far the machine's messages have come, and what is missing between them. */
export function LossReport({ machineId }: { machineId: string }) {
  const query = useLoss(machineId)
  return (
    <Loaded query={query} height={200}>
      {(loss) => (
        <Stack gap="lg">
          <Gaps loss={loss} />
          <Streams loss={loss} />
          <Counters loss={loss} />
        </Stack>
      )}
    </Loaded>
  )
}

function useTopic(): (topic: string) => string {
  const { t } = useTranslation('machine')
  return (topic) =>
    topic === 'telemetry' || topic === 'events' ? t(`loss.topics.${topic}`) : topic
}

function Gaps({ loss }: { loss: Loss }) {
  const { t } = useTranslation('machine')
  const format = useFormat()
  const topic = useTopic()
  return (
    <section>
      <Title order={2} size="h4">
        {t('loss.gaps')}
      </Title>
      {loss.gaps.length === 0 ? (
        <Empty>{t('loss.noGaps')}</Empty>
      ) : (
        <>
          <Text size="sm" c="dimmed">
            {t('loss.gapsText')}
          </Text>
          <ul className={classes.entries}>
            {loss.gaps.map((gap) => (
              <li key={`${gap.outbox}${gap.topic}${gap.from_seq}`}>
                <Text size="sm">
                  {t('loss.gap', {
                    topic: topic(gap.topic),
                    count: gap.to_seq - gap.from_seq + 1,
                    from: format.number(gap.from_seq),
                    to: format.number(gap.to_seq),
                    at: format.dateTime(gap.detected_at),
                  })}
                </Text>
              </li>
            ))}
          </ul>
        </>
      )}
    </section>
  )
}

function Streams({ loss }: { loss: Loss }) {
  const { t } = useTranslation('machine')
  const format = useFormat()
  const topic = useTopic()
  return (
    <section>
      <Title order={2} size="h4">
        {t('loss.streams')}
      </Title>
      {loss.streams.length === 0 ? (
        <Empty>{t('loss.noStreams')}</Empty>
      ) : (
        <ScrollArea
          type="auto"
          viewportProps={{ tabIndex: 0, role: 'region', 'aria-label': t('loss.streams') }}
        >
          <Table>
            <Table.Thead>
              <Table.Tr>
                <Table.Th scope="col">{t('loss.topic')}</Table.Th>
                <Table.Th scope="col">{t('loss.last')}</Table.Th>
                <Table.Th scope="col">{t('loss.updated')}</Table.Th>
                <Table.Th scope="col">{t('loss.through')}</Table.Th>
                <Table.Th scope="col">{t('loss.outbox')}</Table.Th>
              </Table.Tr>
            </Table.Thead>
            <Table.Tbody>
              {loss.streams.map((stream) => (
                <Table.Tr key={stream.outbox + stream.topic}>
                  <Table.Td>{topic(stream.topic)}</Table.Td>
                  <Table.Td className={classes.number}>{format.number(stream.last_seq)}</Table.Td>
                  <Table.Td className={classes.number}>
                    {format.dateTime(stream.updated_at)}
                  </Table.Td>
                  <Table.Td className={classes.number}>
                    {format.dateTime(stream.through_ts)}
                  </Table.Td>
                  <Table.Td ff="monospace">{stream.outbox}</Table.Td>
                </Table.Tr>
              ))}
            </Table.Tbody>
          </Table>
        </ScrollArea>
      )}
    </section>
  )
}

function Counters({ loss }: { loss: Loss }) {
  const { t } = useTranslation('machine')
  const format = useFormat()
  return (
    <section>
      <Title order={2} size="h4" mb="xs">
        {t('loss.counters')}
      </Title>
      <SimpleGrid cols={{ base: 1, sm: 2 }} spacing="sm">
        {COUNTERS.map((counter) => (
          <div key={counter}>
            <Text fw={600} size="sm">
              {t(`loss.counter.${counter}.name`)}: {format.number(loss.counters[counter])}
            </Text>
            <Text size="sm" c="dimmed">
              {t(`loss.counter.${counter}.means`)}
            </Text>
          </div>
        ))}
      </SimpleGrid>
    </section>
  )
}
