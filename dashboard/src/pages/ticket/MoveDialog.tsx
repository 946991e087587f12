import { Button, Group, Modal, NativeSelect, Stack, Textarea } from '@mantine/core'
import { useForm } from '@mantine/form'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { ProblemError } from '../../api/problem'
import { useMoveTicket } from '../../api/tickets'
import type { HoldReason, MoveTicket, ResolutionCode, Ticket, TicketState } from '../../api/types'
import { useNotify } from '../../components/trouble'
import { moveWord } from './Moves'

const HOLD_REASONS: HoldReason[] = ['customer', 'parts', 'access', 'third_party']
const RESOLUTIONS: ResolutionCode[] = [
  'remote',
  'repaired',
  'replaced',
  'adjusted',
  'operation',
  'self_cleared',
  'no_fault_found',
]
const COMMENT_MAX = 2_000

interface MoveDialogProps {
  ticket: Ticket
  /** Where to; undefined while nothing is asked. */
  to: TicketState | undefined
  onClose: () => void
}

/** Asks for what goes with a move: what it waits for, how it was resolved, and words. */
export function MoveDialog({ ticket, to, onClose }: MoveDialogProps) {
  const { t } = useTranslation('tickets')
  const { t: common } = useTranslation()
  return (
    <Modal
      opened={to !== undefined}
      onClose={onClose}
      title={to && t(`move.${moveWord(ticket.state, to)}`)}
      closeButtonProps={{ 'aria-label': common('action.close') }}
    >
      {to && <MoveForm ticket={ticket} to={to} onClose={onClose} />}
    </Modal>
  )
}

function MoveForm({ ticket, to, onClose }: MoveDialogProps & { to: TicketState }) {
  const { t } = useTranslation('tickets')
  const { t: common } = useTranslation()
  const notify = useNotify()
  const { mutate, isPending } = useMoveTicket()
  // The version that was read here, not what others made of it meanwhile.
  const [opened] = useState(ticket)
  const form = useForm({
    initialValues: {
      hold_reason: 'customer' as HoldReason,
      resolution_code: 'remote' as ResolutionCode,
      comment: '',
    },
  })
  const submit = form.onSubmit((values) => {
    const move: MoveTicket = { to, comment: values.comment.trim() || undefined }
    if (to === 'on_hold') move.hold_reason = values.hold_reason
    if (to === 'resolved') move.resolution_code = values.resolution_code
    mutate(
      { ticket: opened, move },
      {
        onSuccess: () => {
          notify.done(t('moved', { state: common(`ticketState.${to}`) }))
          onClose()
        },
        onError: (error) => {
          const fields = error instanceof ProblemError ? error.fields : {}
          form.setErrors(fields)
          if (Object.keys(fields).length > 0) return
          notify.failed(error)
          // What was meant for the old state isn't repeated unseen.
          if (error instanceof ProblemError && [409, 412].includes(error.status)) onClose()
        },
      },
    )
  })
  return (
    <form onSubmit={submit}>
      <Stack>
        {to === 'on_hold' && (
          <NativeSelect
            label={t('waitsFor')}
            data={HOLD_REASONS.map((value) => ({ value, label: t(`holdReason.${value}`) }))}
            {...form.getInputProps('hold_reason')}
          />
        )}
        {to === 'resolved' && (
          <NativeSelect
            label={t('howResolved')}
            data={RESOLUTIONS.map((value) => ({ value, label: t(`resolution.${value}`) }))}
            {...form.getInputProps('resolution_code')}
          />
        )}
        <Textarea
          label={t('comment.label')}
          description={t('comment.optional')}
          maxLength={COMMENT_MAX}
          autosize
          minRows={3}
          maxRows={10}
          {...form.getInputProps('comment')}
        />
        <Group justify="flex-end">
          <Button variant="default" onClick={onClose}>
            {common('action.cancel')}
          </Button>
          <Button type="submit" loading={isPending} color={to === 'canceled' ? 'red.8' : undefined}>
            {t(`move.${moveWord(ticket.state, to)}`)}
          </Button>
        </Group>
      </Stack>
    </form>
  )
}
