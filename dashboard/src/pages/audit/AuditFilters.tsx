import { Button, Group, Select, TextInput } from '@mantine/core'
import { IconX } from '@tabler/icons-react'
import { useTranslation } from 'react-i18next'
import { useColleagues, useMay } from '../../api/people'
import { type AuditView, RESOURCES } from './filter'

interface AuditFiltersProps {
  view: AuditView
  onChange: (part: Partial<AuditView>) => void
}

export function AuditFilters({ view, onChange }: AuditFiltersProps) {
  const { t } = useTranslation('audit')
  const { t: common } = useTranslation()
  const may = useMay()
  const people = useColleagues(may('users.read'))
  const any = {
    placeholder: common('list.all'),
    clearable: true,
    clearButtonProps: { 'aria-label': t('clearOne'), tabIndex: 0 },
    w: 180,
  }
  const day = (key: 'from' | 'to') => (
    <TextInput
      type="date"
      label={t(key)}
      value={view[key] ?? ''}
      onChange={(event) => onChange({ [key]: event.currentTarget.value || undefined })}
      w={160}
    />
  )
  return (
    <Group gap="sm" align="flex-end" role="search" aria-label={common('list.filter')}>
      {may('users.read') && (
        <Select
          {...any}
          label={t('column.who')}
          searchable
          value={view.actor ?? null}
          onChange={(actor) => onChange({ actor: actor ?? undefined })}
          data={people.items.map(({ id, name }) => ({ value: id, label: name }))}
          nothingFoundMessage={common('state.empty')}
        />
      )}
      <Select
        {...any}
        label={t('about')}
        value={view.action?.replace(/\.$/, '') ?? null}
        onChange={(resource) => onChange({ action: resource ? `${resource}.` : undefined })}
        data={RESOURCES.map((value) => ({ value, label: t(`kind.${value}`) }))}
      />
      {day('from')}
      {day('to')}
      {view.subject && (
        <Button
          variant="default"
          leftSection={<IconX size={14} />}
          onClick={() => onChange({ subject: undefined })}
        >
          {t('oneSubject')}
        </Button>
      )}
    </Group>
  )
}
