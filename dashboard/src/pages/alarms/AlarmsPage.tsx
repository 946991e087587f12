import { PageHead } from '../../components/PageHead'

export function AlarmsPage() {
  return <PageHead title="AlarmsPage" />
}
