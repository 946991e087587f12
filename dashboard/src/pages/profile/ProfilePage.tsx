import { PageHead } from '../../components/PageHead'

export function ProfilePage() {
  return <PageHead title="ProfilePage" />
}
