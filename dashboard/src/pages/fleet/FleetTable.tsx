import { Text, UnstyledButton } from '@mantine/core'
import { IconArrowDown, IconArrowsSort, IconArrowUp } from '@tabler/icons-react'
import {
  createColumnHelper,
  createSortedRowModel,
  rowSortingFeature,
  tableFeatures,
  useTable,
} from '@tanstack/react-table'
import { defaultRangeExtractor, useVirtualizer } from '@tanstack/react-virtual'
import { type KeyboardEvent, memo, useCallback, useMemo, useRef, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { Link } from 'react-router'
import type { Machine } from '../../api/types'
import { Cell, type FleetListProps } from './cells'
import { type Column, COLUMNS, comparer, sortKey } from './view'
import classes from './FleetTable.module.css'
import { Said } from '../../components/Said'

const ROW_PX = 46
const HEADER_ROWS = 1

const features = tableFeatures({ rowSortingFeature, sortedRowModel: createSortedRowModel() })
const helper = createColumnHelper<typeof features, Machine>()

/** The machines in the order that the view asks for. */
function useSorted({ machines, siteNames, view, onChange }: FleetListProps) {
  const { i18n } = useTranslation()
  const columns = useMemo(() => {
    const compare = comparer(i18n.language)
    return helper.columns(
      COLUMNS.map((column) =>
        helper.accessor(
          (machine) => sortKey(machine, column, siteNames.get(machine.site_id ?? '') ?? ''),
          {
            id: column,
            sortDescFirst: false,
            sortFn: (a, b) => compare(a.getValue(column), b.getValue(column)),
          },
        ),
      ),
    )
  }, [siteNames, i18n.language])
  const sorting = useMemo(
    () => [{ id: view.sort, desc: view.descending }],
    [view.sort, view.descending],
  )
  return useTable({
    features,
    columns,
    data: machines,
    getRowId: (machine) => machine.id,
    enableSortingRemoval: false,
    state: { sorting },
    onSortingChange: (update) => {
      const [next] = typeof update === 'function' ? update(sorting) : update
      if (next) onChange({ sort: next.id as Column, descending: next.desc })
    },
  })
}

/** All machines as a table of which only the visible rows are in the page. */
export function FleetTable(props: FleetListProps) {
  const { t } = useTranslation('fleet')
  const table = useSorted(props)
  const { rows } = table.getRowModel()
  const scroller = useRef<HTMLDivElement>(null)
  const [active, setActive] = useState<number>()
  const goal = useRef<number>(0)
  // eslint-disable-next-line react-hooks/incompatible-library -- no React compiler here
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => ROW_PX,
    overscan: 6,
    useFlushSync: false,
    scrollPaddingStart: ROW_PX,
    // The row that has the focus stays, however far it is scrolled away.
    rangeExtractor: (range) => {
      const seen = defaultRangeExtractor(range)
      const isKept = active !== undefined && active < rows.length && !seen.includes(active)
      return isKept ? [...seen, active].sort((a, b) => a - b) : seen
    },
  })
  const onKey = useCallback(
    (event: KeyboardEvent) => {
      // Keys that come faster than rows are drawn go on from the last one's goal.
      const to = stepTo(event.key, goal.current, virtual.options.count)
      if (to === undefined) return
      event.preventDefault()
      goal.current = to
      setActive(to)
      virtual.scrollToIndex(to)
      requestAnimationFrame(() => {
        scroller.current?.querySelector<HTMLElement>(`[data-index="${to}"] a`)?.focus()
      })
    },
    [virtual],
  )
  const onActive = useCallback((index: number) => {
    goal.current = index
    setActive(index)
  }, [])
  return (
    <div
      ref={scroller}
      className={classes.scroller}
      role="table"
      aria-label={t('title')}
      aria-rowcount={props.isFilling ? -1 : rows.length + HEADER_ROWS}
      aria-colcount={COLUMNS.length}
      tabIndex={-1}
    >
      <div role="rowgroup" className={classes.head}>
        <div role="row" aria-rowindex={1} className={classes.row}>
          {table.getFlatHeaders().map(({ column }) => (
            <Header
              key={column.id}
              column={column.id as Column}
              sorted={column.getIsSorted()}
              onSort={() => column.toggleSorting()}
            />
          ))}
        </div>
      </div>
      <div role="rowgroup" className={classes.body} style={{ height: virtual.getTotalSize() }}>
        {virtual.getVirtualItems().map(({ index, start }) => {
          const machine = rows[index]?.original
          return (
            machine && (
              <MachineRow
                key={machine.id}
                machine={machine}
                site={props.siteNames.get(machine.site_id ?? '')}
                index={index}
                start={start}
                onActive={onActive}
                onKey={onKey}
              />
            )
          )
        })}
      </div>
    </div>
  )
}

function stepTo(key: string, from: number, count: number): number | undefined {
  const steps: Record<string, number> = {
    ArrowDown: from + 1,
    ArrowUp: from - 1,
    Home: 0,
    End: count - 1,
  }
  const to = steps[key]
  return to === undefined ? undefined : Math.max(0, Math.min(count - 1, to))
}

const SORTED = { asc: 'ascending', desc: 'descending' } as const

function Header(props: { column: Column; sorted: false | 'asc' | 'desc'; onSort: () => void }) {
  const { t } = useTranslation('fleet')
  const { column, sorted, onSort } = props
  const Icon = { asc: IconArrowUp, desc: IconArrowDown, no: IconArrowsSort }[sorted || 'no']
  return (
    <div role="columnheader" aria-sort={sorted ? SORTED[sorted] : 'none'} className={classes.cell}>
      <UnstyledButton className={classes.sort} onClick={onSort}>
        {t(`column.${column}`)}
        <Icon size={14} aria-hidden className={sorted ? undefined : classes.faint} />
      </UnstyledButton>
    </div>
  )
}

interface MachineRowProps {
  machine: Machine
  site: string | undefined
  index: number
  start: number
  onActive: (index: number) => void
  onKey: (event: KeyboardEvent) => void
}

const MachineRow = memo(function MachineRow(props: MachineRowProps) {
  const { machine, site, index, start, onActive, onKey } = props
  return (
    <div
      role="row"
      aria-rowindex={index + 1 + HEADER_ROWS}
      data-index={index}
      className={`${classes.row} ${classes.machine}`}
      style={{ height: ROW_PX, transform: `translateY(${start}px)` }}
    >
      <div role="cell" className={classes.cell}>
        <Link
          to={`/machines/${machine.id}`}
          className={classes.link}
          onFocus={() => onActive(index)}
          onKeyDown={onKey}
        >
          <Said>{machine.name}</Said>
        </Link>
        <Text size="xs" c="dimmed" truncate>
          {machine.serial_number}
        </Text>
      </div>
      {COLUMNS.map(
        (column) =>
          column !== 'name' && (
            <div role="cell" key={column} className={classes.cell}>
              <Cell machine={machine} column={column} site={site} />
            </div>
          ),
      )}
    </div>
  )
})
