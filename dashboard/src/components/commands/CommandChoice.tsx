import { Badge, Group, Stack, Text, TextInput, Title, UnstyledButton } from '@mantine/core'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { useMay } from '../../api/people'
import type { Catalogue, CatalogueEntry } from '../../api/types'
import { Empty } from '../Loaded'
import { choose, describe } from './choice'
import classes from './commands.module.css'

interface CommandChoiceProps {
  catalogue: Catalogue
  faultCodes: readonly string[]
  onChoose: (entry: CatalogueEntry) => void
}

/** What the machine can be told to do; what remedies its faults first. */
export function CommandChoice({ catalogue, faultCodes, onChoose }: CommandChoiceProps) {
  const { t, i18n } = useTranslation()
  const { t: own } = useTranslation('machine')
  const [search, setSearch] = useState('')
  if (!catalogue.known) return <Empty>{own('command.catalogueUnknown')}</Empty>
  const { remedies, others } = choose(catalogue.commands, {
    search,
    language: i18n.language,
    faultCodes,
  })
  return (
    <Stack gap="sm">
      <TextInput
        label={t('list.search')}
        value={search}
        onChange={(event) => setSearch(event.currentTarget.value)}
        data-autofocus
      />
      {remedies.length > 0 && (
        <Entries title={own('command.remedies')} entries={remedies} onChoose={onChoose} />
      )}
      {others.length > 0 && (
        <Entries
          title={own(remedies.length > 0 ? 'command.others' : 'command.all')}
          entries={others}
          onChoose={onChoose}
        />
      )}
      {remedies.length + others.length === 0 && <Empty>{own('command.noneFound')}</Empty>}
    </Stack>
  )
}

function Entries({
  title,
  entries,
  onChoose,
}: {
  title: string
  entries: readonly CatalogueEntry[]
  onChoose: (entry: CatalogueEntry) => void
}) {
  return (
    <Stack gap={6} component="section">
      <Title order={3} size="h6">
        {title}
      </Title>
      {entries.map((entry) => (
        <Entry key={entry.name} entry={entry} onChoose={() => onChoose(entry)} />
      ))}
    </Stack>
  )
}

function Entry({ entry, onChoose }: { entry: CatalogueEntry; onChoose: () => void }) {
  const { t, i18n } = useTranslation()
  const { t: own } = useTranslation('machine')
  const may = useMay()(`commands.issue.${entry.class}`)
  return (
    <UnstyledButton className={classes.entry} onClick={onChoose} disabled={!may}>
      <Group justify="space-between" gap="xs">
        <Text fw={600} ff="monospace" size="sm">
          {entry.name}
        </Text>
        <Group gap={6}>
          <Badge variant="outline" color="gray" tt="none" className={classes.class}>
            {t(`commandClass.${entry.class}`)}
          </Badge>
          {entry.needs_consent && (
            <Badge variant="outline" color="gray" tt="none" className={classes.class}>
              {own('command.needsConsent')}
            </Badge>
          )}
        </Group>
      </Group>
      <Text size="sm">{describe(entry, i18n.language)}</Text>
      {!may && (
        <Text size="sm" c="dimmed">
          {own('command.mayNot')}
        </Text>
      )}
    </UnstyledButton>
  )
}
