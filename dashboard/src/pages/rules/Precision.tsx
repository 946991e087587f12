import { Text } from '@mantine/core'
import { useTranslation } from 'react-i18next'
import { useRulePrecision } from '../../api/rules'
import { Loaded } from '../../components/Loaded'
import { Section } from '../../components/Section'
import { useShare } from './results/useShare'

/** What people have said of the rule's alarms. */
export function Precision({ ruleId }: { ruleId: string }) {
  const { t } = useTranslation('rules')
  const share = useShare()
  const query = useRulePrecision(ruleId)
  return (
    <Section title={t('precision.title')}>
      <Loaded query={query} height={40}>
        {({ alarms, real, nuisance, expected, precision }) => (
          <div data-testid="precision">
            <Text size="sm" fw={550}>
              {precision === null || precision === undefined
                ? t('precision.unknown')
                : t('precision.share', { share: share(precision) })}
            </Text>
            <Text size="sm">
              {t('precision.counts', { count: alarms, real, nuisance, expected })}
            </Text>
          </div>
        )}
      </Loaded>
    </Section>
  )
}
