import { PageHead } from '../../components/PageHead'

export function RulesPage() {
  return <PageHead title="RulesPage" />
}
