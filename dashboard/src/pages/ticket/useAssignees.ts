import { useTranslation } from 'react-i18next'
import { useColleagues, useMay, useMe } from '../../api/people'
import type { Ticket } from '../../api/types'

/** People that a ticket may be given to, as far as the person who is signed in may know them. */
export function useAssignees(ticket: Ticket): { value: string; label: string }[] {
  const { t } = useTranslation('tickets')
  const may = useMay()
  const { data: me } = useMe()
  const { items } = useColleagues(may('users.read'))
  const people = items
    .filter((person) => !person.disabled || person.id === ticket.assignee_id)
    .map((person) => ({ value: person.id, label: person.name || person.email }))
  const add = (value: string | null | undefined, label: string) => {
    if (value && !people.some((person) => person.value === value)) people.push({ value, label })
  }
  if (me?.kind === 'user') add(me.id, me.name ?? me.email ?? t('me'))
  add(ticket.assignee_id, ticket.assignee_name ?? t('somebody'))
  return people
}
