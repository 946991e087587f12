import { PageHead } from '../../components/PageHead'

export function AuditPage() {
  return <PageHead title="AuditPage" />
}
