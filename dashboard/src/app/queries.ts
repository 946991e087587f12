import { QueryClient } from '@tanstack/react-query'
import { OfflineError, ProblemError } from '../api/problem'
import { onRecovery } from '../api/readiness'
import { onSessionChange } from '../api/session'

const RETRIES = 3

export const queries = new QueryClient({
  defaultOptions: {
    queries: {
      // Events say when something is old; this is for what they don't say.
      staleTime: 10_000,
      gcTime: 5 * 60_000,
      retry: (failures, error) => failures < RETRIES && isPassing(error),
      retryDelay: (failures) => Math.min(500 * 2 ** failures, 5_000),
      // A request that fails tells more than the browser's guess.
      networkMode: 'always',
    },
    mutations: { retry: false, networkMode: 'always' },
  },
})

// Nothing of one person's is shown to the next.
onSessionChange(() => queries.clear())
// What couldn't be had during an outage is asked for again.
onRecovery(() => void queries.invalidateQueries())

function isPassing(error: unknown): boolean {
  if (error instanceof ProblemError) return error.status === 429 || error.status >= 500
  return error instanceof OfflineError
}
