/** The machine page's parts; each has an address. */
export const TABS = [
  'overview',
  'alarms',
  'tickets',
  'commands',
  'timeline',
  'rules',
  'identity',
  'data',
  'storage',
] as const
export type Tab = (typeof TABS)[number]

export function isTab(text: string): text is Tab {
  return TABS.includes(text as Tab)
}

/** What a person must be allowed to see a part. */
export const TAB_NEEDS: Partial<Record<Tab, string>> = {
  overview: 'telemetry.read',
  alarms: 'alarms.read',
  tickets: 'tickets.read',
  commands: 'commands.read',
  timeline: 'telemetry.read',
  rules: 'rules.read',
  data: 'telemetry.read',
  storage: 'telemetry.read',
}
