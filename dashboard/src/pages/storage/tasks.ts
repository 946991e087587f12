/** Work on stored data, and how it goes. Pure. */
import type { StorageStatus, StorageTask } from '../../api/types'
import { millis } from '../../format/format'

/** Those that every database has come first. */
export const TASKS = ['rollups', 'retention', 'compression', 'refresh'] as const
export type TaskName = (typeof TASKS)[number]
export type TaskState = 'well' | 'failing' | 'overdue' | 'never'

/** So many of them are done on every database. */
const EVERYWHERE = 3

export interface TaskRow {
  name: string
  /** How it goes; nothing as long as it has never run. */
  task: StorageTask | undefined
}

/** What is or should be done on this database, in one order. */
export function rowsOf(status: StorageStatus): TaskRow[] {
  const hasAll = status.database === 'timescaledb'
  const expected: string[] = hasAll ? [...TASKS] : TASKS.slice(0, EVERYWHERE)
  const others = status.tasks.map(({ task }) => task).filter((task) => !expected.includes(task))
  return [...expected, ...others].map((name) => ({
    name,
    task: status.tasks.find(({ task }) => task === name),
  }))
}

export function stateOf(task: StorageTask | undefined, now: number): TaskState {
  if (!task) return 'never'
  if (typeof task.error === 'string') return 'failing'
  return task.due_at && millis(task.due_at) < now ? 'overdue' : 'well'
}

export function isTaskName(name: string): name is TaskName {
  return TASKS.some((task) => task === name)
}
