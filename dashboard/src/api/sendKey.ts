import { useRef } from 'react'
import { newKey } from './client'
import { OfflineError } from './problem'

/**
 * The idempotency key of a form's request: a new one for each sending, but the same one when the
 * same is sent again because the last time nobody answered, as it may have arrived all the same.
 */
export function useSendKey(): (body: unknown, lastError: unknown) => string {
  const last = useRef<{ key: string; text: string }>(undefined)
  return (body, lastError) => {
    const text = JSON.stringify(body)
    const isRepeat = lastError instanceof OfflineError && last.current?.text === text
    const key = isRepeat && last.current ? last.current.key : newKey()
    last.current = { key, text }
    return key
  }
}
