import { Button, Code, Group, NativeSelect, Stack, Text } from '@mantine/core'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { useMachineEvents } from '../../api/machines'
import type { MachineEvent } from '../../api/types'
import { useFormat } from '../../format/use'
import { ListStates } from './ListStates'
import { eventKey, KINDS, subjectOf } from './timeline'
import classes from './machine.module.css'

/** What the machine has reported, newest first. */
export function TimelineTab({ machineId }: { machineId: string }) {
  const { t } = useTranslation('machine')
  const { t: common } = useTranslation()
  const [kind, setKind] = useState('')
  const list = useMachineEvents(machineId, kind ? `${kind}.*` : undefined)
  return (
    <Stack gap="sm">
      <Group>
        <NativeSelect
          label={t('timeline.kind')}
          value={kind}
          data={[
            { value: '', label: common('list.all') },
            ...KINDS.map((value) => ({ value, label: t(`timeline.kinds.${value}`) })),
          ]}
          onChange={(event) => setKind(event.currentTarget.value)}
        />
      </Group>
      <ListStates list={list} empty={t('timeline.none')}>
        <ul className={classes.entries}>
          {list.items.map((event) => (
            <Entry key={event.id} event={event} />
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

function Entry({ event }: { event: MachineEvent }) {
  const { t } = useTranslation('machine')
  const format = useFormat()
  const [opened, setOpened] = useState(false)
  const key = eventKey(event.type)
  const subject = subjectOf(event)
  return (
    <li>
      <Group gap="xs">
        <Text size="sm" c="dimmed" component="time" dateTime={event.ts}>
          {format.dateTime(event.ts)}
        </Text>
        <Text size="sm" fw={600}>
          {key ? t(`timeline.event.${key}`) : event.type}
        </Text>
        {subject && <Text size="sm">{subject}</Text>}
      </Group>
      <details onToggle={({ currentTarget }) => setOpened(currentTarget.open)}>
        <summary>{t('timeline.details')}</summary>
        {opened && (
          <>
            <Text size="sm">
              {event.type} · {t('timeline.received', { at: format.dateTime(event.received_at) })}
            </Text>
            <Code block className={classes.payload}>
              {JSON.stringify(event.data, null, 2)}
            </Code>
          </>
        )}
      </details>
    </li>
  )
}
