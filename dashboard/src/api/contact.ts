/** How fresh what the pages show is: one state for the whole tab. */
import { useSyncExternalStore } from 'react'

export interface Contact {
  /** `live`: changes arrive as they happen. `lost`: what is shown may be old. */
  state: 'connecting' | 'live' | 'lost'
  /** When the platform was last heard, in Unix milliseconds. */
  heardAt: number | undefined
}

let current: Contact = { state: 'connecting', heardAt: undefined }
const listeners = new Set<() => void>()

export function setContact(state: Contact['state'], heardAt = current.heardAt): void {
  const sameSecond = Math.floor((heardAt ?? 0) / 1000) === Math.floor((current.heardAt ?? 0) / 1000)
  if (state === current.state && sameSecond) return
  current = { state, heardAt }
  listeners.forEach((listener) => listener())
}

export function useContact(): Contact {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    () => current,
  )
}
