import { PageHead } from '../../components/PageHead'

export function TicketPage() {
  return <PageHead title="TicketPage" />
}
