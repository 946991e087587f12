import { Table, Text } from '@mantine/core'
import { useTranslation } from 'react-i18next'
import type { StorageStatus, StorageTask } from '../../api/types'
import { ToneBadge } from '../../components/badges'
import { Said } from '../../components/Said'
import { TimeAgo } from '../../components/TimeAgo'
import { NOTHING } from '../../format/format'
import { useNow } from '../../format/use'
import { isTaskName, rowsOf, stateOf, type TaskRow, type TaskState } from './tasks'

const TONE = { well: 'good', failing: 'critical', overdue: 'warning', never: 'plain' } as const
/** A refresh doesn't know how much it did. */
const COUNTED = ['rollups', 'retention', 'compression'] as const
const COLUMNS = ['task', 'state', 'succeeded', 'failed', 'done'] as const

/** Each kind of work on stored data: when it last went well, when and why it didn't. */
export function Upkeep({ status }: { status: StorageStatus }) {
  const { t } = useTranslation('storage')
  return (
    <Table.ScrollContainer
      minWidth={760}
      scrollAreaProps={{
        viewportProps: { tabIndex: 0, role: 'region', 'aria-label': t('upkeep.title') },
      }}
    >
      <Table verticalSpacing="xs">
        <Table.Thead>
          <Table.Tr>
            {COLUMNS.map((column) => (
              <Table.Th key={column} scope="col">
                {t(`upkeep.column.${column}`)}
              </Table.Th>
            ))}
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {rowsOf(status).map((row) => (
            <Row key={row.name} row={row} />
          ))}
        </Table.Tbody>
      </Table>
    </Table.ScrollContainer>
  )
}

function Row({ row: { name, task } }: { row: TaskRow }) {
  const { t } = useTranslation('storage')
  const now = useNow()
  const state = stateOf(task, now)
  return (
    <Table.Tr data-testid={`task-${name}`}>
      <Table.Th scope="row" fw={400}>
        <Text size="sm" fw={600}>
          {isTaskName(name) ? t(`task.${name}.name`) : name}
        </Text>
        {isTaskName(name) && (
          <Text size="sm" c="dimmed">
            {t(`task.${name}.means`)}
          </Text>
        )}
      </Table.Th>
      <Table.Td>
        <StateBadge state={state} />
      </Table.Td>
      <Table.Td>
        <TimeAgo at={task?.succeeded_at} />
      </Table.Td>
      <Table.Td>
        <Failure task={task} />
      </Table.Td>
      <Table.Td>
        <Done name={name} task={task} />
      </Table.Td>
    </Table.Tr>
  )
}

function StateBadge({ state }: { state: TaskState }) {
  const { t } = useTranslation('storage')
  return (
    <ToneBadge tone={TONE[state]} data-state={state}>
      {t(`upkeep.state.${state}`)}
    </ToneBadge>
  )
}

/** The last failure with its words, also after it went well again. */
function Failure({ task }: { task: StorageTask | undefined }) {
  return (
    <>
      <TimeAgo at={task?.failed_at} />
      {task?.failure && (
        <Text size="sm" style={{ overflowWrap: 'anywhere' }}>
          <Said>{task.failure}</Said>
        </Text>
      )}
    </>
  )
}

/** How much it did the last time, where it counts that. */
function Done({ name, task }: { name: string; task: StorageTask | undefined }) {
  const { t } = useTranslation('storage')
  const counted = COUNTED.find((one) => one === name)
  if (!counted || !task || typeof task.error === 'string') return <>{NOTHING}</>
  return <>{t(`upkeep.did.${counted}`, { count: task.done })}</>
}
