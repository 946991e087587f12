/** What of the log is asked for, as the URL says it. Pure. */

export const RESOURCES = [
  'alarm',
  'api_token',
  'command',
  'machine',
  'organization',
  'policy',
  'rule',
  'session',
  'site',
  'ticket',
  'trust',
  'user',
] as const

export interface AuditView {
  actor: string | undefined
  /** Begin of the action's name, such as `machine.`. */
  action: string | undefined
  subject: string | undefined
  /** Local dates, `YYYY-MM-DD`, both included. */
  from: string | undefined
  to: string | undefined
}

export const NOTHING_ASKED: AuditView = {
  actor: undefined,
  action: undefined,
  subject: undefined,
  from: undefined,
  to: undefined,
}

const KEYS = ['actor', 'action', 'subject', 'from', 'to'] as const

export function viewOf(query: URLSearchParams): AuditView {
  const view = { ...NOTHING_ASKED }
  for (const key of KEYS) view[key] = query.get(key) ?? undefined
  return view
}

export function queryOf(view: AuditView): URLSearchParams {
  const query = new URLSearchParams()
  for (const key of KEYS) {
    const value = view[key]
    if (value) query.set(key, value)
  }
  return query
}

/** As the API takes it: what isn't asked is left out; days become moments of the reader's zone. */
export function filterOf(view: AuditView): Record<string, string> {
  const filter: Record<string, string> = {}
  if (view.actor) filter.actor_id = view.actor
  if (view.action) filter.action = view.action
  if (view.subject) filter.subject_id = view.subject
  const from = startOf(view.from, 0)
  const to = startOf(view.to, 1)
  if (from) filter.from = from
  if (to) filter.to = to
  return filter
}

/** The moment at which the day begins, or the one so many days after. */
function startOf(day: string | undefined, daysAfter: number): string | undefined {
  const [year, month, date] = (day ?? '').split('-').map(Number)
  if (!year || !month || !date) return undefined
  return new Date(year, month - 1, date + daysAfter).toISOString()
}

/** The page about a subject, where there is one. */
export function pageOf(subject: { kind: string; id: string }): string | undefined {
  switch (subject.kind) {
    case 'machine':
      return `/machines/${subject.id}`
    case 'ticket':
      return `/tickets/${subject.id}`
    case 'rule':
      return `/rules/${subject.id}`
    default:
      return undefined
  }
}
