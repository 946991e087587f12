import { useMachines } from '../../api/machines'
import type { Machine } from '../../api/types'
import type { Editor } from './useRuleEditor'

export interface Watched {
  /** The machine whose signals are offered and on which the rule is tried. */
  machineId: string | null
  /** Those of the rule's model that can be chosen; none for a rule of one machine. */
  machines: readonly Machine[]
}

const NONE: readonly Machine[] = []

/** The machine that was chosen, else the first that the rule would watch. */
export function useWatched({ form, tried }: Editor): Watched {
  const { scope, machine_id, model } = form.values
  const { items } = useMachines()
  if (scope === 'machine') return { machineId: machine_id, machines: NONE }
  const machines = (items as Machine[]).filter(
    (machine) => machine.model === model.trim() && machine.state !== 'decommissioned',
  )
  const chosen = machines.find(({ id }) => id === tried)
  return { machineId: (chosen ?? machines[0])?.id ?? null, machines }
}
