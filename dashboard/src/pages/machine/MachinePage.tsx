import { PageHead } from '../../components/PageHead'

export function MachinePage() {
  return <PageHead title="MachinePage" />
}
