import { Anchor, Button, Code, Group, Table, Text } from '@mantine/core'
import { IconChevronDown, IconChevronRight } from '@tabler/icons-react'
import { Fragment, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { Link } from 'react-router'
import type { AuditItem } from '../../api/types'
import { Actor } from '../../components/Actor'
import { useFormat } from '../../format/use'
import { pageOf, RESOURCES } from './filter'
import { isolated } from '../../format/bidi'
import classes from './AuditTable.module.css'

interface AuditTableProps {
  items: readonly AuditItem[]
  /** Asks for all about one subject. */
  onSubject: (id: string) => void
}

export function AuditTable({ items, onSubject }: AuditTableProps) {
  const { t } = useTranslation('audit')
  const columns = ['when', 'who', 'what', 'subject', 'details'] as const
  return (
    <Table.ScrollContainer minWidth={820} scrollAreaProps={{ viewportProps: { tabIndex: 0 } }}>
      <Table verticalSpacing={6}>
        <Table.Thead>
          <Table.Tr>
            {columns.map((column) => (
              <Table.Th key={column}>{t(`column.${column}`)}</Table.Th>
            ))}
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {items.map((item) => (
            <AuditRow key={item.id} item={item} onSubject={onSubject} />
          ))}
        </Table.Tbody>
      </Table>
    </Table.ScrollContainer>
  )
}

function AuditRow({ item, onSubject }: { item: AuditItem; onSubject: (id: string) => void }) {
  const { t } = useTranslation('audit')
  const format = useFormat()
  const [isOpen, setOpen] = useState(false)
  const Chevron = isOpen ? IconChevronDown : IconChevronRight
  return (
    <Fragment>
      <Table.Tr>
        <Table.Td className={classes.when}>
          <time dateTime={item.at}>{format.dateTime(item.at)}</time>
        </Table.Td>
        <Table.Td>
          <Actor actor={item.actor} />
        </Table.Td>
        <Table.Td>
          <Action action={item.action} />
        </Table.Td>
        <Table.Td>
          <Subject item={item} onSubject={onSubject} />
        </Table.Td>
        <Table.Td>
          <Button
            size="compact-sm"
            variant="default"
            aria-expanded={isOpen}
            aria-label={t('detailsOf', { seq: item.seq })}
            leftSection={<Chevron size={14} />}
            onClick={() => setOpen(!isOpen)}
          >
            {t('column.details')}
          </Button>
        </Table.Td>
      </Table.Tr>
      {isOpen && (
        <Table.Tr>
          <Table.Td colSpan={5}>
            <Text size="sm" c="dimmed" mb={4}>
              {t('record', { seq: item.seq, action: item.action, id: item.subject.id })}
            </Text>
            <Code block tabIndex={0} aria-label={t('column.details')} role="group">
              {JSON.stringify(item.details, null, 2)}
            </Code>
          </Table.Td>
        </Table.Tr>
      )}
    </Fragment>
  )
}

/** In words where they are known; else as the log says it. */
function Action({ action }: { action: string }) {
  const { t } = useTranslation('audit')
  const words = t('actions', { returnObjects: true }) as Record<string, Record<string, string>>
  const [resource = '', verb = ''] = action.split('.')
  const text = words[resource]?.[verb]
  return text ? <span title={action}>{text}</span> : <Code>{action}</Code>
}

function Subject({ item, onSubject }: { item: AuditItem; onSubject: (id: string) => void }) {
  const { t } = useTranslation('audit')
  const { kind, id } = item.subject
  const known = RESOURCES.find((resource) => resource === kind)
  const word = known ? t(`kind.${known}`) : kind
  const name = nameOf(item.details)
  const text = name ? `${word} ${isolated(name)}` : word
  const page = pageOf(item.subject)
  return (
    <Group gap="xs" wrap="nowrap">
      {page ? (
        <Anchor component={Link} inherit to={page}>
          {text}
        </Anchor>
      ) : (
        <span title={id}>{text}</span>
      )}
      <Button
        size="compact-xs"
        variant="subtle"
        onClick={() => onSubject(id)}
        aria-label={t('onlyThis', { subject: text })}
      >
        {t('only')}
      </Button>
    </Group>
  )
}

/** The name that a record itself gives its subject. */
function nameOf(details: AuditItem['details']): string | undefined {
  const { name, number, code } = details as Record<string, unknown>
  return [name, number, code].find((each): each is string => typeof each === 'string')
}
