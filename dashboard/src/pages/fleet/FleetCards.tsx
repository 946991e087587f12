import { Group, Select, Text } from '@mantine/core'
import { useWindowVirtualizer } from '@tanstack/react-virtual'
import { useLayoutEffect, useMemo, useRef, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { Link } from 'react-router'
import type { Machine } from '../../api/types'
import { Cell, type FleetListProps } from './cells'
import { COLUMNS, comparer, sortKey } from './view'
import classes from './FleetCards.module.css'
import { isolated } from '../../format/bidi'
import { Said } from '../../components/Said'

const CARD_PX = 108

/** The machines on a small screen: a card each, in the page's own scrolling. */
export function FleetCards({ machines, siteNames, view, onChange, isFilling }: FleetListProps) {
  const { t, i18n } = useTranslation('fleet')
  const list = useRef<HTMLDivElement>(null)
  const [top, setTop] = useState(0)
  useLayoutEffect(() => setTop(list.current?.offsetTop ?? 0), [])
  const sorted = useMemo(() => {
    const compare = comparer(i18n.language)
    const keyed = machines.map((machine) => ({
      machine,
      key: sortKey(machine, view.sort, siteNames.get(machine.site_id ?? '') ?? ''),
    }))
    keyed.sort((a, b) => compare(a.key, b.key) * (view.descending ? -1 : 1))
    return keyed.map(({ machine }) => machine)
  }, [machines, siteNames, view.sort, view.descending, i18n.language])
  const virtual = useWindowVirtualizer({
    count: sorted.length,
    estimateSize: () => CARD_PX,
    overscan: 6,
    scrollMargin: top,
  })
  return (
    <>
      <Select
        label={t('sortBy')}
        value={`${view.sort} ${view.descending ? 'desc' : 'asc'}`}
        allowDeselect={false}
        onChange={(value) => {
          const column = COLUMNS.find((known) => value?.startsWith(known))
          if (column) onChange({ sort: column, descending: value?.endsWith('desc') ?? false })
        }}
        data={COLUMNS.flatMap((column) => [
          { value: `${column} asc`, label: t('ascending', { column: t(`column.${column}`) }) },
          { value: `${column} desc`, label: t('descending', { column: t(`column.${column}`) }) },
        ])}
      />
      <div
        ref={list}
        role="list"
        aria-label={t('title')}
        className={classes.list}
        style={{ height: virtual.getTotalSize() }}
      >
        {virtual.getVirtualItems().map(({ index, start }) => {
          const machine = sorted[index]
          return (
            machine && (
              <div
                key={machine.id}
                role="listitem"
                aria-setsize={isFilling ? -1 : sorted.length}
                aria-posinset={index + 1}
                className={classes.card}
                style={{ height: CARD_PX - 8, transform: `translateY(${start - top}px)` }}
              >
                <Card machine={machine} site={siteNames.get(machine.site_id ?? '')} />
              </div>
            )
          )
        })}
      </div>
    </>
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
