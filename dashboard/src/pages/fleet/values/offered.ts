/** Of which machines' signals names are offered. Pure. */
import type { Machine } from '../../../api/types'

/** Machines that are asked for the names of their signals. */
export const ASKED_MAX = 8

/** One machine a model, since a model's machines measure the same; connected ones first. */
export function machinesToAsk(machines: readonly Machine[]): string[] {
  const inUse = machines.filter(({ state }) => state !== 'decommissioned')
  const isConnected = ({ connection }: Machine) => connection.connected
  const inTurn = [...inUse.filter(isConnected), ...inUse.filter((one) => !isConnected(one))]
  const models = new Map<string, string>()
  for (const { id, model } of inTurn) {
    if (models.size === ASKED_MAX) break
    // Without a model nothing says that two measure the same.
    const of = model ? `model ${model}` : `machine ${id}`
    if (!models.has(of)) models.set(of, id)
  }
  return [...models.values()]
}
