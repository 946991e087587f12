import { Group, Select, Text } from '@mantine/core'
import { useWindowVirtualizer } from '@tanstack/react-virtual'
import { useLayoutEffect, useMemo, useRef, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { Link } from 'react-router'
import type { Machine } from '../../api/types'
import { Cell, type FleetListProps } from './cells'
import { useSeen } from './values/useValues'
import { ValueCell } from './values/ValueCell'
import type { MachineValues } from './values/valuesFollower'
import { columnsOf, comparer, isSignalColumn, keyOf, signalOf, type Sort } from './view'
import classes from './FleetCards.module.css'
import { isolated } from '../../format/bidi'
import { Said } from '../../components/Said'

const CARD_PX = 108
/** More for each signal. */
const VALUE_PX = 26

/** The machines on a small screen: a card each, in the page's own scrolling. */
export function FleetCards(props: FleetListProps) {
  const { machines, siteNames, values, view, isFilling } = props
  const { t } = useTranslation('fleet')
  const list = useRef<HTMLDivElement>(null)
  const [top, setTop] = useState(0)
  useLayoutEffect(() => setTop(list.current?.offsetTop ?? 0), [])
  const sorted = useSorted(props)
  const cardPx = CARD_PX + view.signals.length * VALUE_PX
  const virtual = useWindowVirtualizer({
    count: sorted.length,
    estimateSize: () => cardPx,
    overscan: 6,
    scrollMargin: top,
  })
  useLayoutEffect(() => virtual.measure(), [virtual, cardPx])
  const shown = virtual.getVirtualItems()
  // Sorted by values, those of all machines count.
  const seen = shown.flatMap(({ index }) => sorted[index] ?? [])
  useSeen(isSignalColumn(view.sort) ? machines : seen, values.see)
  return (
    <>
      <SortSelect {...props} />
      <div
        ref={list}
        role="list"
        aria-label={t('title')}
        className={classes.list}
        style={{ height: virtual.getTotalSize() }}
      >
        {shown.map(({ index, start }) => {
          const machine = sorted[index]
          return (
            machine && (
              <div
                key={machine.id}
                role="listitem"
                aria-setsize={isFilling ? -1 : sorted.length}
                aria-posinset={index + 1}
                className={classes.card}
                style={{ height: cardPx - 8, transform: `translateY(${start - top}px)` }}
              >
                <Card machine={machine} site={siteNames.get(machine.site_id ?? '')} />
                {view.signals.map((signal) => (
                  <ValueLine
                    key={signal}
                    machine={machine}
                    signal={signal}
                    values={values.values.get(machine.id)}
                  />
                ))}
              </div>
            )
          )
        })}
      </div>
    </>
  )
}

const UNSORTED: FleetListProps['values']['values'] = new Map()

/** The machines in the order that the view asks for; without a value last. */
function useSorted({ machines, siteNames, values, view }: FleetListProps): Machine[] {
  const { i18n } = useTranslation()
  const { sort, descending } = view
  const sortedBy = isSignalColumn(sort) ? values.values : UNSORTED
  return useMemo(() => {
    const compare = comparer(i18n.language)
    const keyed = machines.map((machine) => {
      const site = siteNames.get(machine.site_id ?? '') ?? ''
      return { machine, key: keyOf(machine, sort, site, sortedBy.get(machine.id)) }
    })
    keyed.sort(({ key: a }, { key: b }) => {
      if (a === undefined || b === undefined)
        return Number(a === undefined) - Number(b === undefined)
      return compare(a, b) * (descending ? -1 : 1)
    })
    return keyed.map(({ machine }) => machine)
  }, [machines, siteNames, sortedBy, sort, descending, i18n.language])
}

function SortSelect({ view, onChange }: FleetListProps) {
  const { t } = useTranslation('fleet')
  const columns = columnsOf(view.signals)
  const nameOf = (column: Sort) =>
    isSignalColumn(column) ? signalOf(column) : t(`column.${column}`)
  return (
    <Select
      label={t('sortBy')}
      value={`${view.descending ? 'desc' : 'asc'} ${view.sort}`}
      allowDeselect={false}
      onChange={(value) => {
        const [order, ...rest] = value?.split(' ') ?? []
        const column = columns.find((known) => known === rest.join(' '))
        if (column) onChange({ sort: column, descending: order === 'desc' })
      }}
      data={columns.flatMap((column) => [
        { value: `asc ${column}`, label: t('ascending', { column: nameOf(column) }) },
        { value: `desc ${column}`, label: t('descending', { column: nameOf(column) }) },
      ])}
    />
  )
}

interface ValueLineProps {
  machine: Machine
  signal: string
  values: MachineValues | undefined
}

function ValueLine({ machine, signal, values }: ValueLineProps) {
  return (
    <Group gap="xs" wrap="nowrap" justify="space-between" className={classes.value}>
      <Text size="sm" c="dimmed" truncate miw={60}>
        <Said>{signal}</Said>
      </Text>
      <Group gap={6} wrap="nowrap" miw={0}>
        <ValueCell machine={machine} signal={signal} values={values} />
      </Group>
    </Group>
  )
}

function Card({ machine, site }: { machine: Machine; site: string | undefined }) {
  const { t } = useTranslation('fleet')
  const about = [machine.model, site, machine.serial_number]
    .filter((each) => !!each)
    .map((each) => isolated(each ?? ''))
    .join(' · ')
  return (
    <>
      <Group justify="space-between" wrap="nowrap" gap="xs">
        <Link to={`/machines/${machine.id}`} className={classes.link}>
          <Said>{machine.name}</Said>
        </Link>
        <Cell machine={machine} column="connection" site={site} />
      </Group>
      <Text size="sm" c="dimmed" truncate>
        {about}
      </Text>
      <Group gap="xs" wrap="nowrap" justify="space-between">
        <Text size="sm" truncate>
          {machine.maintenance_until ? (
            t('inMaintenance')
          ) : (
            <Cell machine={machine} column="state" site={site} />
          )}
          {' · '}
          {t('contact')} <Cell machine={machine} column="contact" site={site} />
        </Text>
        <Cell machine={machine} column="alarms" site={site} />
      </Group>
    </>
  )
}
