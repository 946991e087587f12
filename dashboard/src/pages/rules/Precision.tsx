import { Stack, Table, Text } from '@mantine/core'
import { useTranslation } from 'react-i18next'
import { useRulePrecision } from '../../api/rules'
import type { RulePrecision } from '../../api/types'
import { Loaded } from '../../components/Loaded'
import { Section } from '../../components/Section'
import { useFormat } from '../../format/use'
import { useShare } from './results/useShare'

/** What people have said of the rule's alarms: of all, and of each version's. */
export function Precision({ ruleId }: { ruleId: string }) {
  const { t } = useTranslation('rules')
  const share = useShare()
  const query = useRulePrecision(ruleId)
  return (
    <Section title={t('precision.title')}>
      <Loaded query={query} height={40}>
        {({ alarms, real, nuisance, expected, precision, versions }) => (
          <Stack gap="sm" data-testid="precision">
            <div>
              <Text size="sm" fw={550}>
                {precision === null || precision === undefined
                  ? t(expected > 0 ? 'precision.undecided' : 'precision.unknown')
                  : t('precision.share', { share: share(precision) })}
              </Text>
              <Text size="sm">
                {t('precision.counts', { count: alarms, real, nuisance, expected })}
              </Text>
            </div>
            {versions.length > 0 && <Versions versions={versions} />}
          </Stack>
        )}
      </Loaded>
    </Section>
  )
}

const COUNTS = ['alarms', 'real', 'nuisance', 'expected'] as const

/** A rule that was changed is another one: whether the change has made it better, newest first. */
function Versions({ versions }: { versions: RulePrecision['versions'] }) {
  const { t } = useTranslation('rules')
  const format = useFormat()
  const share = useShare()
  const newestFirst = [...versions].sort((a, b) => b.version - a.version)
  const label = t('precision.versions')
  return (
    <Table.ScrollContainer
      minWidth={420}
      scrollAreaProps={{ viewportProps: { tabIndex: 0, role: 'region', 'aria-label': label } }}
    >
      <Table aria-label={label}>
        <Table.Thead>
          <Table.Tr>
            <Table.Th scope="col">{t('precision.version')}</Table.Th>
            <Table.Th scope="col">{t('precision.column')}</Table.Th>
            {COUNTS.map((count) => (
              <Table.Th key={count} scope="col">
                {t(`precision.count.${count}`)}
              </Table.Th>
            ))}
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {newestFirst.map((each) => (
            <Table.Tr key={each.version}>
              <Table.Th scope="row">{format.number(each.version)}</Table.Th>
              <Table.Td>{share(each.precision)}</Table.Td>
              {COUNTS.map((count) => (
                <Table.Td key={count}>{format.number(each[count])}</Table.Td>
              ))}
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </Table.ScrollContainer>
  )
}
