import { Anchor, Button, Group, ScrollArea, Table, Text } from '@mantine/core'
import { IconPlus } from '@tabler/icons-react'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { Link } from 'react-router'
import { useMay } from '../../../api/people'
import { useRules } from '../../../api/rules'
import type { Machine } from '../../../api/types'
import { Empty, Loaded } from '../../../components/Loaded'
import { Said } from '../../../components/Said'
import { Section } from '../../../components/Section'
import { useFormat } from '../../../format/use'
import classes from '../machine.module.css'
import { RemoveParameter } from './RemoveParameter'
import { SetParameter } from './SetParameter'
import { type ParameterRow, parametersOf, type Use } from './parameters'

/** What a dialog is about: a parameter, or a new one, and the machine as it was when it was opened. */
interface Asked {
  row: ParameterRow | undefined
  read: Machine
}
type Ask = (dialog: 'set' | 'remove', row?: ParameterRow) => void

/** The limits that rules leave to the machine, and what it has of its own. */
export function Parameters({ machine }: { machine: Machine }) {
  const { t } = useTranslation('machine')
  const may = useMay()
  const rules = useRules({ machine_id: machine.id }, { all: true })
  const [asked, setAsked] = useState<Asked>()
  const [dialog, setDialog] = useState<'set' | 'remove'>()
  const mayWrite = machine.state !== 'decommissioned' && may('machines.write')
  const isKnown = rules.items.length > 0 || (!rules.isPending && !rules.error)
  const rows = isKnown ? parametersOf(rules.items, machine) : undefined
  const ask: Ask = (which, row) => {
    setAsked({ row, read: machine })
    setDialog(which)
  }
  const props = { machine, row: asked?.row, onClose: () => setDialog(undefined) }
  return (
    <Section
      title={t('parameters.title')}
      actions={
        mayWrite &&
        rows && (
          <Button
            size="xs"
            variant="default"
            leftSection={<IconPlus size={14} />}
            onClick={() => ask('set')}
          >
            {t('parameters.add')}
          </Button>
        )
      }
    >
      <Text size="sm" c="dimmed" mb="xs">
        {t('parameters.about')}
      </Text>
      <Loaded query={{ ...rules, data: rows }}>
        {(data) =>
          data.length === 0 ? (
            <Empty>{t('parameters.none')}</Empty>
          ) : (
            <Rows rows={data} ask={mayWrite ? ask : undefined} />
          )
        }
      </Loaded>
      <SetParameter {...props} opened={dialog === 'set'} />
      {asked && <RemoveParameter {...props} read={asked.read} opened={dialog === 'remove'} />}
    </Section>
  )
}

function Rows({ rows, ask }: { rows: readonly ParameterRow[]; ask: Ask | undefined }) {
  const { t } = useTranslation('machine')
  return (
    <ScrollArea
      type="auto"
      viewportProps={{ tabIndex: 0, role: 'region', 'aria-label': t('parameters.title') }}
    >
      <Table>
        <Table.Thead>
          <Table.Tr>
            <Table.Th scope="col">{t('parameters.name')}</Table.Th>
            <Table.Th scope="col">{t('parameters.own')}</Table.Th>
            <Table.Th scope="col">{t('parameters.uses')}</Table.Th>
            {ask && <Table.Th scope="col">{t('parameters.change')}</Table.Th>}
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {rows.map((row) => (
            <Row key={row.name} row={row} ask={ask} />
          ))}
        </Table.Tbody>
      </Table>
    </ScrollArea>
  )
}

function Row({ row, ask }: { row: ParameterRow; ask: Ask | undefined }) {
  const { t } = useTranslation('machine')
  const format = useFormat()
  const { name, own, uses } = row
  return (
    <Table.Tr data-testid={`parameter-${name}`}>
      <Table.Th scope="row" ff="monospace" className={classes.id}>
        <Said>{name}</Said>
      </Table.Th>
      <Table.Td className={classes.number}>
        {own === undefined ? t('parameters.notSet') : format.number(own, DECIMALS_MAX)}
      </Table.Td>
      <Table.Td>
        {uses.length === 0
          ? t('parameters.unused')
          : uses.map((use) => <UseLine key={`${use.rule.id} ${use.fallback}`} use={use} />)}
      </Table.Td>
      {ask && (
        <Table.Td>
          <Group gap="xs" wrap="nowrap">
            <Button
              size="compact-sm"
              variant="default"
              onClick={() => ask('set', row)}
              aria-label={t('parameters.setOf', { name })}
            >
              {t('parameters.set')}
            </Button>
            {own !== undefined && (
              <Button
                size="compact-sm"
                variant="default"
                onClick={() => ask('remove', row)}
                aria-label={t('parameters.removeOf', { name })}
              >
                {t('parameters.remove')}
              </Button>
            )}
          </Group>
        </Table.Td>
      )}
    </Table.Tr>
  )
}

/** A limit is shown as it was set, not rounded by its size. */
const DECIMALS_MAX = 15

function UseLine({ use }: { use: Use }) {
  const { t } = useTranslation('machine')
  const format = useFormat()
  const { rule, fallback } = use
  return (
    <Text size="sm">
      <Anchor component={Link} inherit to={`/rules/${rule.id}`}>
        <Said>{rule.name}</Said>
      </Anchor>{' '}
      {t(rule.enabled ? 'parameters.fallback' : 'parameters.fallbackOff', {
        number: format.number(fallback, DECIMALS_MAX),
      })}
    </Text>
  )
}
