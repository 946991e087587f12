import { Button, Group, Modal, NativeSelect, Stack, Text, Textarea } from '@mantine/core'
import { type FormEvent, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { useFormat } from '../../format/use'

/** Choices in seconds; the platform takes a minute to a week. */
const DURATIONS_S = [900, 3_600, 4 * 3_600, 8 * 3_600, 86_400, 3 * 86_400, 7 * 86_400] as const
const USUAL_S = 3_600
const REASON_MAX = 500

interface ShelveDialogProps {
  opened: boolean
  onClose: () => void
  what: string
  busy: boolean
  onShelve: (forS: number, reason: string) => void
}

/** Asks for how long and why an alarm is put aside. */
export function ShelveDialog(props: ShelveDialogProps) {
  const { t } = useTranslation('alarms')
  const { t: common } = useTranslation()
  return (
    <Modal
      opened={props.opened}
      onClose={props.onClose}
      title={t('shelve.title')}
      closeButtonProps={{ 'aria-label': common('action.close') }}
    >
      <ShelveForm {...props} />
    </Modal>
  )
}

function ShelveForm({ what, busy, onClose, onShelve }: ShelveDialogProps) {
  const { t } = useTranslation('alarms')
  const { t: common } = useTranslation()
  const format = useFormat()
  const [forS, setForS] = useState<number>(USUAL_S)
  const [reason, setReason] = useState('')
  const submit = (event: FormEvent) => {
    event.preventDefault()
    onShelve(forS, reason.trim())
  }
  return (
    <form onSubmit={submit}>
      <Stack>
        <Text>{t('shelve.what', { alarm: what })}</Text>
        <NativeSelect
          label={t('shelve.for')}
          value={String(forS)}
          onChange={(event) => setForS(Number(event.currentTarget.value))}
          data={DURATIONS_S.map((s) => ({ value: String(s), label: format.duration(s * 1000) }))}
          data-autofocus
        />
        <Textarea
          label={common('action.reason')}
          description={t('shelve.reasonHint')}
          value={reason}
          onChange={(event) => setReason(event.currentTarget.value)}
          required
          maxLength={REASON_MAX}
          autosize
          minRows={2}
        />
        <Group justify="flex-end">
          <Button variant="default" onClick={onClose}>
            {common('action.cancel')}
          </Button>
          <Button type="submit" loading={busy}>
            {t('action.shelve')}
          </Button>
        </Group>
      </Stack>
    </form>
  )
}
