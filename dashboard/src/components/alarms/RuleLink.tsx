import { Anchor, Text } from '@mantine/core'
import { useTranslation } from 'react-i18next'
import { Link } from 'react-router'
import { troubleOf } from '../../api/problem'
import { useRule } from '../../api/rules'

interface RuleLinkProps {
  id: string
  /** None of a rule that the reader may not see, such as one of an organization above. */
  name: string | null | undefined
}

/** The rule that has spoken, and the way to it unless it was deleted or isn't for the reader. */
export function RuleLink({ id, name }: RuleLinkProps) {
  const { t } = useTranslation('alarms')
  const { error } = useRule(name ? id : undefined)
  if (!name) return <Plain text={t('unnamedRule')} />
  // Names are told of deleted rules too, but only to those who could see the rule.
  if (troubleOf(error) === 'missing') return <Plain text={t('deletedRule', { name })} />
  return (
    <Anchor component={Link} to={`/rules/${id}`} size="sm">
      {t('rule', { name })}
    </Anchor>
  )
}

function Plain({ text }: { text: string }) {
  return (
    <Text span size="sm">
      {text}
    </Text>
  )
}
