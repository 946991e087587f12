/** The English texts. */
import alarms from './alarms.json'
import audit from './audit.json'
import backtests from './backtests.json'
import commissioning from './commissioning.json'
import common from './common.json'
import conditions from './conditions.json'
import fleet from './fleet.json'
import machine from './machine.json'
import now from './now.json'
import profile from './profile.json'
import rules from './rules.json'
import storage from './storage.json'
import tickets from './tickets.json'

export const texts = {
  alarms,
  audit,
  backtests,
  commissioning,
  common,
  conditions,
  fleet,
  machine,
  now,
  profile,
  rules,
  storage,
  tickets,
}
