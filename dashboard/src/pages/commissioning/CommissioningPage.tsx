import { PageHead } from '../../components/PageHead'

export function CommissioningPage() {
  return <PageHead title="CommissioningPage" />
}
