import { Button } from '@mantine/core'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { useMoveTicket } from '../../api/tickets'
import type { Ticket, TicketState } from '../../api/types'
import { useNotify } from '../../components/trouble'
import { MoveDialog } from './MoveDialog'

/** States that need no word beside the move itself. */
const AT_ONCE: readonly TicketState[] = ['in_progress']

/** The states that the ticket may go to now, as buttons. */
export function Moves({ ticket }: { ticket: Ticket }) {
  const { t } = useTranslation('tickets')
  const { t: common } = useTranslation()
  const notify = useNotify()
  const { mutate, isPending } = useMoveTicket()
  const [asked, setAsked] = useState<TicketState>()
  const reopens = ticket.state === 'resolved' || ticket.state === 'closed'
  const move = (to: TicketState) => {
    if (reopens || !AT_ONCE.includes(to)) {
      setAsked(to)
      return
    }
    mutate(
      { ticket, move: { to } },
      {
        onSuccess: () => notify.done(t('moved', { state: common(`ticketState.${to}`) })),
        onError: notify.failed,
      },
    )
  }
  return (
    <>
      {ticket.next_states.map((to) => (
        <Button
          key={to}
          variant="default"
          onClick={() => move(to)}
          loading={isPending}
          data-move={to}
        >
          {t(`move.${moveWord(ticket.state, to)}`)}
        </Button>
      ))}
      <MoveDialog ticket={ticket} to={asked} onClose={() => setAsked(undefined)} />
    </>
  )
}

/** Which word a move from one state to another has. */
export function moveWord(from: TicketState, to: TicketState) {
  if (to !== 'in_progress') return to
  if (from === 'resolved' || from === 'closed') return 'reopen'
  return from === 'on_hold' ? 'resume' : 'in_progress'
}
