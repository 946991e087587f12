import { Anchor, Code, DataList } from '@mantine/core'
import type { ReactNode } from 'react'
import { useTranslation } from 'react-i18next'
import { Link } from 'react-router'
import type { Command } from '../../api/types'
import { useFormat } from '../../format/use'
import { Actor } from '../Actor'

/** By whom, what for, with what, and when. */
export function CommandFacts({ command }: { command: Command }) {
  const { t } = useTranslation()
  const { t: own } = useTranslation('machine')
  const format = useFormat()
  const args = Object.keys(command.args ?? {}).length > 0
  const facts: [string, ReactNode][] = [
    [own('command.by'), <Actor key="by" actor={command.issued_by} />],
  ]
  if (command.approved_by) {
    facts.push([own('command.decidedBy'), <Actor key="decided" actor={command.approved_by} />])
  }
  if (command.purpose) facts.push([own('command.purpose'), command.purpose])
  if (command.ticket_id) {
    facts.push([
      own('command.ticket'),
      <Anchor key="ticket" component={Link} to={`/tickets/${command.ticket_id}`} size="sm">
        {command.ticket_number ?? own('command.toTicket')}
      </Anchor>,
    ])
  }
  if (args) facts.push([own('command.args'), <Code key="a">{JSON.stringify(command.args)}</Code>])
  if (command.class) facts.push([own('command.class'), t(`commandClass.${command.class}`)])
  const times = [
    ['issuedAt', command.created_at],
    ['sentAt', command.sent_at],
    ['startedAt', command.started_at],
    ['endedAt', command.ended_at],
  ] as const
  for (const [key, at] of times) if (at) facts.push([own(`command.${key}`), format.dateTime(at)])
  if (!command.ended_at) facts.push([own('command.expiresAt'), format.dateTime(command.expires_at)])
  if (typeof command.exit_code === 'number') {
    facts.push([own('command.exitCode'), String(command.exit_code)])
  }
  return (
    <DataList labelWidth={130} gap={4}>
      {facts.map(([label, value]) => (
        <DataList.Item key={label}>
          <DataList.ItemLabel>{label}</DataList.ItemLabel>
          <DataList.ItemValue>{value}</DataList.ItemValue>
        </DataList.Item>
      ))}
    </DataList>
  )
}
