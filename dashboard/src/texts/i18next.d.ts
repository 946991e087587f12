import 'i18next'
import type alarms from './en/alarms.json'
import type audit from './en/audit.json'
import type commissioning from './en/commissioning.json'
import type common from './en/common.json'
import type fleet from './en/fleet.json'
import type machine from './en/machine.json'
import type now from './en/now.json'
import type profile from './en/profile.json'
import type rules from './en/rules.json'
import type tickets from './en/tickets.json'

declare module 'i18next' {
  interface CustomTypeOptions {
    defaultNS: 'common'
    resources: {
      alarms: typeof alarms
      audit: typeof audit
      commissioning: typeof commissioning
      common: typeof common
      fleet: typeof fleet
      machine: typeof machine
      now: typeof now
      profile: typeof profile
      rules: typeof rules
      tickets: typeof tickets
    }
  }
}
