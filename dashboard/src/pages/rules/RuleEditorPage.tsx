import { PageHead } from '../../components/PageHead'

export function RuleEditorPage() {
  return <PageHead title="RuleEditorPage" />
}
