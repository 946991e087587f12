/** How far a command has come. Pure. */
import { isFinal } from '../../api/commands'
import type { Command, CommandState } from '../../api/types'

export type Step = 'approval' | 'sent' | 'received' | 'consent' | 'running' | 'end'
/** `skipped`: it ended before, or nobody has told. */
export type Progress = 'done' | 'current' | 'ahead' | 'skipped'

/** The step that a command waits in. */
const CURRENT: Partial<Record<CommandState, Step>> = {
  awaiting_approval: 'approval',
  queued: 'sent',
  sent: 'received',
  unconfirmed: 'received',
  received: 'running',
  awaiting_consent: 'consent',
  running: 'running',
}

/** `asksOperator`: whether the machine's catalogue says so. */
export function stepsOf(
  command: Command,
  asksOperator: boolean,
): { step: Step; progress: Progress }[] {
  const steps: Step[] = ['sent', 'received', 'running', 'end']
  const askedOperator =
    asksOperator || command.state === 'awaiting_consent' || command.reason === 'consent_refused'
  if (askedOperator) steps.splice(2, 0, 'consent')
  if (command.state === 'awaiting_approval' || command.approved_by) steps.unshift('approval')
  const done = isDone(command)
  const current = currentStep(command, askedOperator)
  const position = current ? steps.indexOf(current) : steps.length
  return steps.map((step, index) => {
    if (isFinal(command.state)) return { step, progress: done(step) ? 'done' : 'skipped' }
    if (index === position) return { step, progress: 'current' }
    return { step, progress: index < position ? 'done' : 'ahead' }
  })
}

/** What is on the machine and needs the operator's word waits for that first. */
function currentStep({ state }: Command, askedOperator: boolean): Step | undefined {
  if (state === 'received' && askedOperator) return 'consent'
  return CURRENT[state]
}

/** What must have happened, from the times that are known. */
function isDone(command: Command): (step: Step) => boolean {
  const started = !!command.started_at
  const onMachine = started || command.reason === 'consent_refused' || command.state === 'rejected'
  return (step) => {
    switch (step) {
      case 'approval':
        return !!command.approved_by
      case 'sent':
        return !!command.sent_at || onMachine
      case 'received':
        return onMachine
      case 'end':
        return true
      default:
        return started
    }
  }
}
