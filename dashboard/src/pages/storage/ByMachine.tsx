import { Anchor, Stack, Table, Text } from '@mantine/core'
import { useTranslation } from 'react-i18next'
import { Link, useNavigate } from 'react-router'
import { useStorageGrowth } from '../../api/storage'
import type { MachineGrowth, StorageGrowth } from '../../api/types'
import { Empty, Loaded } from '../../components/Loaded'
import { MachineSelect } from '../../components/MachineSelect'
import { Said } from '../../components/Said'
import { useFormat } from '../../format/use'
import classes from './storage.module.css'

/** Machines of which most was stored lately, and the way to what each of them takes up. */
export function ByMachine() {
  const { t } = useTranslation('storage')
  const navigate = useNavigate()
  const growth = useStorageGrowth()
  return (
    <Stack gap="sm">
      <Loaded query={growth} height={160}>
        {(data) =>
          data.items.length === 0 ? <Empty>{t('machines.none')}</Empty> : <Growth growth={data} />
        }
      </Loaded>
      <MachineSelect
        label={t('machines.choose')}
        value={null}
        onChange={(id) => id && void navigate(`/machines/${id}/storage`)}
        maw={420}
      />
    </Stack>
  )
}

const COLUMNS = ['machine', 'size', 'values'] as const

function Growth({ growth }: { growth: StorageGrowth }) {
  const { t } = useTranslation('storage')
  const format = useFormat()
  return (
    <>
      <Text size="sm" c="dimmed">
        {t('machines.text', { from: format.dateTime(growth.from) })}
      </Text>
      <Table.ScrollContainer
        minWidth={420}
        scrollAreaProps={{
          viewportProps: { tabIndex: 0, role: 'region', 'aria-label': t('machines.title') },
        }}
      >
        <Table>
          <Table.Thead>
            <Table.Tr>
              {COLUMNS.map((column) => (
                <Table.Th key={column} scope="col">
                  {t(`machines.column.${column}`)}
                </Table.Th>
              ))}
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {growth.items.map((machine) => (
              <Row key={machine.machine_id} machine={machine} />
            ))}
          </Table.Tbody>
        </Table>
      </Table.ScrollContainer>
    </>
  )
}

function Row({ machine }: { machine: MachineGrowth }) {
  const format = useFormat()
  return (
    <Table.Tr>
      <Table.Th scope="row" fw={400}>
        <Anchor component={Link} inherit to={`/machines/${machine.machine_id}/storage`}>
          <Said>{machine.machine_name ?? machine.machine_id}</Said>
        </Anchor>
      </Table.Th>
      <Table.Td className={classes.number}>{format.bytes(machine.bytes)}</Table.Td>
      <Table.Td className={classes.number}>{format.number(machine.values)}</Table.Td>
    </Table.Tr>
  )
}
