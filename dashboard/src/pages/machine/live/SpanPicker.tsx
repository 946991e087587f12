import { Button, Group, Popover, Stack, TextInput } from '@mantine/core'
import { type FormEvent, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { type Shown, SPANS } from './span'

interface SpanPickerProps {
  shown: Shown
  onChange: (shown: Shown) => void
}

/** How much time the chart shows. */
export function SpanPicker({ shown, onChange }: SpanPickerProps) {
  const { t } = useTranslation('machine')
  return (
    <Group gap={4} role="group" aria-label={t('live.span')}>
      {SPANS.map(({ key }) => {
        const isChosen = shown.kind === 'last' && shown.span === key
        return (
          <Button
            key={key}
            size="xs"
            variant={isChosen ? 'filled' : 'default'}
            aria-pressed={isChosen}
            onClick={() => onChange({ kind: 'last', span: key })}
          >
            {t(`live.spans.${key}`)}
          </Button>
        )
      })}
      <OwnSpan shown={shown} onChange={onChange} />
    </Group>
  )
}

function OwnSpan({ shown, onChange }: SpanPickerProps) {
  const { t } = useTranslation('machine')
  const [opened, setOpened] = useState(false)
  const isChosen = shown.kind === 'fixed'
  return (
    <Popover opened={opened} onChange={setOpened} trapFocus returnFocus position="bottom-start">
      <Popover.Target>
        <Button
          size="xs"
          variant={isChosen ? 'filled' : 'default'}
          aria-pressed={isChosen}
          onClick={() => setOpened(!opened)}
        >
          {t('live.own')}
        </Button>
      </Popover.Target>
      <Popover.Dropdown aria-label={t('live.own')}>
        <OwnSpanForm
          shown={shown}
          onChange={(next) => {
            setOpened(false)
            onChange(next)
          }}
        />
      </Popover.Dropdown>
    </Popover>
  )
}

function OwnSpanForm({ shown, onChange }: SpanPickerProps) {
  const { t } = useTranslation('machine')
  const [from, setFrom] = useState(() => local(shown.kind === 'fixed' ? shown.from : hoursAgo(2)))
  const [to, setTo] = useState(() => local(shown.kind === 'fixed' ? shown.to : hoursAgo(0)))
  const [error, setError] = useState(false)
  const submit = (event: FormEvent) => {
    event.preventDefault()
    const [start, end] = [Date.parse(from), Date.parse(to)]
    if (!(start < end)) setError(true)
    else onChange({ kind: 'fixed', from: start, to: end })
  }
  return (
    <form onSubmit={submit} noValidate>
      <Stack gap="xs">
        <TextInput
          type="datetime-local"
          step={1}
          label={t('live.from')}
          value={from}
          onChange={(event) => setFrom(event.currentTarget.value)}
        />
        <TextInput
          type="datetime-local"
          step={1}
          label={t('live.to')}
          value={to}
          error={error && t('live.order')}
          onChange={(event) => setTo(event.currentTarget.value)}
        />
        <Button type="submit" size="xs">
          {t('live.show')}
        </Button>
      </Stack>
    </form>
  )
}

function hoursAgo(hours: number): number {
  return Date.now() - hours * 3_600_000
}

/** As the browser's own field wants it: local time, without a zone. */
function local(at: number): string {
  const shifted = new Date(at - new Date(at).getTimezoneOffset() * 60_000)
  return shifted.toISOString().slice(0, 19)
}
