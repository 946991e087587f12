import { PageHead } from '../../components/PageHead'

export function FleetPage() {
  return <PageHead title="FleetPage" />
}
