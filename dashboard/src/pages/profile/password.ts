/** What a new password must be; the platform says the same. Pure. */

/** In bytes of UTF-8. */
export const PASSWORD_BYTES = { min: 12, max: 256 }

export interface PasswordChange {
  current: string
  next: string
  again: string
}

export type Objection = 'missing' | 'short' | 'long' | 'same' | 'different'

/** What is wrong with it, by field. */
export function objectionsTo(
  change: PasswordChange,
): Partial<Record<keyof PasswordChange, Objection>> {
  const found: Partial<Record<keyof PasswordChange, Objection>> = {}
  const bytes = new TextEncoder().encode(change.next).length
  if (!change.current) found.current = 'missing'
  if (!change.next) found.next = 'missing'
  else if (bytes < PASSWORD_BYTES.min) found.next = 'short'
  else if (bytes > PASSWORD_BYTES.max) found.next = 'long'
  else if (change.next === change.current) found.next = 'same'
  if (change.again !== change.next) found.again = 'different'
  return found
}
