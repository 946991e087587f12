import { Button, Code, Group, Stack, Text, Title } from '@mantine/core'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { useQuarantine } from '../../api/machines'
import type { Quarantined } from '../../api/types'
import { useFormat } from '../../format/use'
import { ListStates } from './ListStates'
import classes from './machine.module.css'
import { Said } from '../../components/Said'

/** Messages that couldn't be used, with the reason. */
export function QuarantineList({ machineId }: { machineId: string }) {
  const { t } = useTranslation('machine')
  const { t: common } = useTranslation()
  const list = useQuarantine(machineId)
  return (
    <Stack gap="xs" component="section">
      <Title order={2} size="h4">
        {t('quarantine.title')}
      </Title>
      <ListStates list={list} empty={t('quarantine.none')}>
        <ul className={classes.entries}>
          {list.items.map((each) => (
            <Entry key={each.id} item={each} />
          ))}
        </ul>
      </ListStates>
      {list.hasMore && (
        <Group>
          <Button variant="default" loading={list.isLoadingMore} onClick={list.loadMore}>
            {common('list.more')}
          </Button>
        </Group>
      )}
    </Stack>
  )
}

function Entry({ item }: { item: Quarantined }) {
  const { t } = useTranslation('machine')
  const format = useFormat()
  const [opened, setOpened] = useState(false)
  return (
    <li>
      <Text size="sm">
        {format.dateTime(item.received_at)} · <strong>{item.reason}</strong> ·{' '}
        <Said>{item.topic}</Said> ({item.code})
      </Text>
      <details onToggle={({ currentTarget }) => setOpened(currentTarget.open)}>
        <summary>
          {t(item.payload_encoding === 'base64' ? 'quarantine.payload64' : 'quarantine.payload')}
        </summary>
        {opened && (
          <Code block className={classes.payload}>
            {item.payload}
          </Code>
        )}
      </details>
    </li>
  )
}
