import { Modal } from '@mantine/core'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { useCatalogue } from '../../api/commands'
import type { CatalogueEntry } from '../../api/types'
import { Loaded } from '../Loaded'
import { CommandChoice } from './CommandChoice'
import { CommandForm } from './CommandForm'
import { IssuedCommand } from './IssuedCommand'

export interface CommandDialogProps {
  machineId: string
  /** The ticket that the command belongs to. */
  ticketId?: string
  /** Codes of the faults that are active: commands that remedy them stand first. */
  faultCodes?: readonly string[]
  opened: boolean
  onClose: () => void
}

/** Chooses a command from the machine's catalogue, asks for its arguments, sends it, follows it. */
export function CommandDialog({ opened, onClose, ...rest }: CommandDialogProps) {
  const { t } = useTranslation()
  const { t: own } = useTranslation('machine')
  return (
    <Modal
      opened={opened}
      onClose={onClose}
      title={own('command.title')}
      size="lg"
      closeButtonProps={{ 'aria-label': t('action.close') }}
    >
      <Content {...rest} onClose={onClose} />
    </Modal>
  )
}

const NO_CODES: readonly string[] = []

/** Begins anew each time that the dialog is opened. */
function Content({
  machineId,
  ticketId,
  faultCodes = NO_CODES,
  onClose,
}: Omit<CommandDialogProps, 'opened'>) {
  const catalogue = useCatalogue(machineId)
  const [entry, setEntry] = useState<CatalogueEntry>()
  const [issued, setIssued] = useState<string>()
  if (issued) {
    const again = () => {
      setIssued(undefined)
      setEntry(undefined)
    }
    return <IssuedCommand id={issued} onClose={onClose} onAgain={again} />
  }
  if (entry) {
    return (
      <CommandForm
        machineId={machineId}
        ticketId={ticketId}
        entry={entry}
        onBack={() => setEntry(undefined)}
        onIssued={(command) => setIssued(command.id)}
      />
    )
  }
  return (
    <Loaded query={catalogue} height={240}>
      {(data) => <CommandChoice catalogue={data} faultCodes={faultCodes} onChoose={setEntry} />}
    </Loaded>
  )
}
