import { PageHead } from '../../components/PageHead'

export function TicketsPage() {
  return <PageHead title="TicketsPage" />
}
