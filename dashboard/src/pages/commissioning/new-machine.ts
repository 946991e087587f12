/** The form of a new machine. Pure. */
import type { CreateMachine } from '../../api/types'

/** In the place of a site's id: one that is made with the machine. */
export const NEW_SITE = 'new'

export interface NewMachine {
  name: string
  serial_number: string
  model: string
  organization_id: string | null
  site_id: string | null
  criticality: 'high' | 'normal' | 'low'
  site_name: string
  time_zone: string | null
}

/** The time zone of whoever sits at the browser. */
export const OWN_ZONE = new Intl.DateTimeFormat().resolvedOptions().timeZone

/** IANA time zones; the browser's own and UTC are always there. */
export function timeZones(): string[] {
  return [...new Set([...Intl.supportedValuesOf('timeZone'), OWN_ZONE, 'UTC'])].sort()
}

/** What is left empty is left out. */
export function toMachine(form: NewMachine, siteId: string | null): CreateMachine {
  return {
    name: form.name.trim(),
    serial_number: form.serial_number.trim(),
    model: form.model.trim() || undefined,
    organization_id: form.organization_id ?? undefined,
    site_id: siteId ?? undefined,
    criticality: form.criticality,
  }
}
