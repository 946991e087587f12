import { PageHead } from '../../components/PageHead'

export function NowPage() {
  return <PageHead title="NowPage" />
}
