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
import {
  type CSSProperties,
  type KeyboardEvent,
  memo,
  useCallback,
  useEffect,
  useMemo,
  useRef,
  useState,
} from 'react'
import { useTranslation } from 'react-i18next'
import { Link } from 'react-router'
import type { Machine } from '../../api/types'
import { Cell, type FleetListProps } from './cells'
import { type FleetValues, useSeen } from './values/useValues'
import { ValueCell } from './values/ValueCell'
import type { MachineValues } from './values/valuesFollower'
import { columnsOf, comparer, isSignalColumn, keyOf, signalOf, type Sort } from './view'
import classes from './FleetTable.module.css'
import { Said } from '../../components/Said'

const ROW_PX = 46
const HEADER_ROWS = 1
const VALUE_PX = 170

const features = tableFeatures({ rowSortingFeature, sortedRowModel: createSortedRowModel() })
const helper = createColumnHelper<typeof features, Row>()

interface Row {
  machine: Machine
  site: string
  /** Only while they make the order: a change of them sorts anew. */
  values: MachineValues | undefined
}

const UNSORTED: FleetValues['values'] = new Map()

/** The machines in the order that the view asks for. */
function useSorted({ machines, siteNames, values, view, onChange }: FleetListProps) {
  const { i18n } = useTranslation()
  const sortedBy = isSignalColumn(view.sort) ? values.values : UNSORTED
  const rows = useMemo(
    () =>
      machines.map((machine) => ({
        machine,
        site: siteNames.get(machine.site_id ?? '') ?? '',
        values: sortedBy.get(machine.id),
      })),
    [machines, siteNames, sortedBy],
  )
  const columns = useMemo(() => {
    const compare = comparer(i18n.language)
    return helper.columns(
      columnsOf(view.signals).map((column) =>
        helper.accessor(({ machine, site, values }) => keyOf(machine, column, site, values), {
          id: column,
          sortDescFirst: false,
          sortUndefined: 'last',
          sortFn: (a, b) => compare(a.getValue(column), b.getValue(column)),
        }),
      ),
    )
  }, [view.signals, i18n.language])
  const sorting = useMemo(
    () => [{ id: view.sort, desc: view.descending }],
    [view.sort, view.descending],
  )
  return useTable({
    features,
    columns,
    data: rows,
    getRowId: ({ machine }) => machine.id,
    enableSortingRemoval: false,
    state: { sorting },
    onSortingChange: (update) => {
      const [next] = typeof update === 'function' ? update(sorting) : update
      if (next) onChange({ sort: next.id as Sort, descending: next.desc })
    },
  })
}

/** All machines as a table of which only the visible rows are in the page. */
export function FleetTable(props: FleetListProps) {
  const { t } = useTranslation('fleet')
  const table = useSorted(props)
  const { rows } = table.getRowModel()
  const columns = useMemo(() => columnsOf(props.view.signals), [props.view.signals])
  const scroller = useRef<HTMLDivElement>(null)
  // The machine that has the focus, wherever a new order puts it.
  const [active, setActive] = useState<string>()
  const place = useMemo(() => rows.findIndex(({ id }) => id === active), [rows, active])
  const goal = useRef<number>(0)
  useEffect(() => {
    if (place >= 0) goal.current = place
  }, [place])
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
      const isKept = place >= 0 && !seen.includes(place)
      return isKept ? [...seen, place].sort((a, b) => a - b) : seen
    },
  })
  const onKey = useCallback(
    (event: KeyboardEvent) => {
      // Keys that come faster than rows are drawn go on from the last one's goal.
      const to = stepTo(event.key, goal.current, virtual.options.count)
      if (to === undefined) return
      event.preventDefault()
      goal.current = to
      setActive(rows[to]?.id)
      virtual.scrollToIndex(to)
      requestAnimationFrame(() => {
        scroller.current?.querySelector<HTMLElement>(`[data-index="${to}"] a`)?.focus()
      })
    },
    [virtual, rows],
  )
  const shown = virtual.getVirtualItems()
  const seen = shown.flatMap(({ index }) => rows[index]?.original.machine ?? [])
  // Sorted by values, those of all machines count.
  useSeen(isSignalColumn(props.view.sort) ? props.machines : seen, props.values.see)
  return (
    <div
      ref={scroller}
      className={classes.scroller}
      role="table"
      aria-label={t('title')}
      aria-rowcount={props.isFilling ? -1 : rows.length + HEADER_ROWS}
      aria-colcount={columns.length}
      tabIndex={-1}
      style={tracksOf(props.view.signals.length)}
    >
      <div role="rowgroup" className={classes.head}>
        <div role="row" aria-rowindex={1} className={classes.row}>
          {table.getFlatHeaders().map(({ column }) => (
            <Header
              key={column.id}
              column={column.id as Sort}
              sorted={column.getIsSorted()}
              onSort={() => column.toggleSorting()}
            />
          ))}
        </div>
      </div>
      <div role="rowgroup" className={classes.body} style={{ height: virtual.getTotalSize() }}>
        {shown.map(({ index, start }) => {
          const machine = rows[index]?.original.machine
          return (
            machine && (
              <MachineRow
                key={machine.id}
                machine={machine}
                site={props.siteNames.get(machine.site_id ?? '')}
                columns={columns}
                values={props.values.values.get(machine.id)}
                index={index}
                start={start}
                onActive={setActive}
                onKey={onKey}
              />
            )
          )
        })}
      </div>
    </div>
  )
}

/** Room for so many columns of values beside the others. */
function tracksOf(count: number): CSSProperties {
  if (count === 0) return {}
  const tracks = `repeat(${count}, minmax(${VALUE_PX}px, 1fr))`
  return { '--value-tracks': tracks, '--value-width': `${count * VALUE_PX}px` } as CSSProperties
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

function Header(props: { column: Sort; sorted: false | 'asc' | 'desc'; onSort: () => void }) {
  const { t } = useTranslation('fleet')
  const { column, sorted, onSort } = props
  const Icon = { asc: IconArrowUp, desc: IconArrowDown, no: IconArrowsSort }[sorted || 'no']
  return (
    <div role="columnheader" aria-sort={sorted ? SORTED[sorted] : 'none'} className={classes.cell}>
      <UnstyledButton className={classes.sort} onClick={onSort}>
        {isSignalColumn(column) ? (
          <span className={classes.signal} title={signalOf(column)}>
            <Said>{signalOf(column)}</Said>
          </span>
        ) : (
          t(`column.${column}`)
        )}
        <Icon size={14} aria-hidden className={sorted ? undefined : classes.faint} />
      </UnstyledButton>
    </div>
  )
}

interface MachineRowProps {
  machine: Machine
  site: string | undefined
  columns: readonly Sort[]
  values: MachineValues | undefined
  index: number
  start: number
  onActive: (machine: string) => void
  onKey: (event: KeyboardEvent) => void
}

const MachineRow = memo(function MachineRow(props: MachineRowProps) {
  const { machine, site, columns, values, index, start, onActive, onKey } = props
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
          onFocus={() => onActive(machine.id)}
          onKeyDown={onKey}
        >
          <Said>{machine.name}</Said>
        </Link>
        <Text size="xs" c="dimmed" truncate>
          {machine.serial_number}
        </Text>
      </div>
      {columns.map(
        (column) =>
          column !== 'name' && (
            <div role="cell" key={column} className={classes.cell}>
              {isSignalColumn(column) ? (
                <ValueCell machine={machine} signal={signalOf(column)} values={values} />
              ) : (
                <Cell machine={machine} column={column} site={site} />
              )}
            </div>
          ),
      )}
    </div>
  )
})
