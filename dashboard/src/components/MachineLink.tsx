import { Anchor } from '@mantine/core'
import { useTranslation } from 'react-i18next'
import { Link } from 'react-router'
import { useMachineName } from '../api/names'
import { Said } from './Said'

/** The way to a machine, by its name. */
export function MachineLink({ id, name }: { id: string; name?: string | null }) {
  const { t } = useTranslation('alarms')
  const found = useMachineName(id, name)
  return (
    <Anchor component={Link} to={`/machines/${id}`} size="sm">
      <Said>{found ?? t('machine')}</Said>
    </Anchor>
  )
}
