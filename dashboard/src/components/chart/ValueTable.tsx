import { Button, Collapse, ScrollArea, Table, Text } from '@mantine/core'
import { useDisclosure, useId } from '@mantine/hooks'
import { useTranslation } from 'react-i18next'
import { useFormat } from '../../format/use'
import type { ChartSeries } from './series'
import { useValueText } from './useValueText'
import { tableRows } from './values'

const ROWS_MAX = 200

interface ValueTableProps {
  series: readonly ChartSeries[]
  from: number
  to: number
}

/** The values as text, for whoever doesn't see the lines or needs the figures. */
export function ValueTable(props: ValueTableProps) {
  const { t } = useTranslation()
  const [opened, { toggle }] = useDisclosure(false)
  const id = useId()
  return (
    <>
      <Button
        variant="subtle"
        size="compact-sm"
        onClick={toggle}
        aria-expanded={opened}
        aria-controls={id}
      >
        {t('chart.table')}
      </Button>
      <Collapse expanded={opened} id={id}>
        {opened && <Rows {...props} />}
      </Collapse>
    </>
  )
}

function Rows({ series, from, to }: ValueTableProps) {
  const { t } = useTranslation()
  const { t: own } = useTranslation('machine')
  const format = useFormat()
  const text = useValueText()
  const { rows, cut } = tableRows(series, from, to, ROWS_MAX)
  return (
    <>
      {cut && (
        <Text size="sm" c="dimmed">
          {own('chart.tableCut', { count: ROWS_MAX })}
        </Text>
      )}
      <ScrollArea.Autosize
        mah={320}
        viewportProps={{ tabIndex: 0, role: 'region', 'aria-label': t('chart.table') }}
      >
        <Table stickyHeader striped>
          <Table.Thead>
            <Table.Tr>
              <Table.Th scope="col">{t('chart.time')}</Table.Th>
              {series.map(({ signal, unit }) => (
                <Table.Th scope="col" key={signal}>
                  {unit ? `${signal} (${unit})` : signal}
                </Table.Th>
              ))}
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {rows.map((row) => (
              <Table.Tr key={row.at}>
                <Table.Td>{format.dateTime(row.at)}</Table.Td>
                {row.values.map((value, i) => (
                  <Table.Td key={series[i]?.signal}>{text(value)}</Table.Td>
                ))}
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      </ScrollArea.Autosize>
    </>
  )
}
