import { useDebouncedValue } from '@mantine/hooks'
import { useMachines } from '../../api/machines'
import type { Editor } from './useRuleEditor'

const TYPING_MS = 250
/** Of so many machines of a model the first that is in use is taken, until somebody chooses. */
const ASKED = 50

export interface Watched {
  /** The machine whose signals are offered and on which the rule is tried. */
  machineId: string | null
  /** The model of the machines that can be chosen; none for a rule of one machine. */
  model: string | undefined
  choose: (machineId: string | null) => void
}

/** The machine that was chosen, else the first that the rule would watch. */
export function useWatched({ form, tried, setTried }: Editor): Watched {
  const { scope, machine_id } = form.values
  const model = scope === 'model' ? form.values.model.trim() : ''
  const [asked] = useDebouncedValue(model, TYPING_MS)
  const { items } = useMachines({ model: asked }, { limit: ASKED, enabled: asked !== '' })
  const choose = (machineId: string | null) => {
    if (machineId !== null) setTried({ model, machineId })
  }
  if (scope === 'machine') return { machineId: machine_id, model: undefined, choose }
  // While a model is typed, what is known is of another one.
  const machines = asked === model ? items : []
  const first = machines.find(({ state }) => state !== 'decommissioned') ?? machines[0]
  const chosen = tried?.model === model ? tried.machineId : undefined
  return { machineId: chosen ?? first?.id ?? null, model, choose }
}
