import { useState } from 'react'
import { newKey } from './client'
import { ProblemError } from './problem'

/**
 * The `Idempotency-Key` of a form: the same while nothing was answered, so that a repeat creates
 * nothing twice; a new one once the platform has refused, as the corrected form is another one.
 */
export function useSubmitKey(): { key: string; onRefused: (error: unknown) => void } {
  const [key, setKey] = useState(newKey)
  return {
    key,
    onRefused: (error) => {
      if (error instanceof ProblemError) setKey(newKey())
    },
  }
}
