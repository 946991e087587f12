// Checks the licences of the dashboard's packages. What becomes part of the product: the list in
// deny.toml. What only builds or tests it: more, because none of it is handed on.
import { existsSync, readFileSync } from 'node:fs'

const root = new URL('../', import.meta.url)
const json = (path) => JSON.parse(readFileSync(new URL(path, root), 'utf8'))

const deny = readFileSync(new URL('deny.toml', root), 'utf8')
const list = /^allow = \[([^\]]*)\]/m.exec(deny)?.[1] ?? ''
const product = new Set([...list.matchAll(/"([^"]+)"/g)].map(([, name]) => name))
const tools = new Set([
  ...product,
  'BlueOak-1.0.0',
  // Data about browsers.
  'CC-BY-4.0',
  // axe, lightningcss: used as they are.
  'MPL-2.0',
  'Python-2.0',
])

/** Whether an SPDX expression can be met; AND binds tighter than OR. */
function isMet(expression, allowed) {
  const words = expression.match(/[()]|[^\s()]+/g) ?? []
  const next = (word) => words[0] === word && words.shift() !== undefined
  const one = () => {
    if (next('(')) {
      const met = any()
      if (!next(')')) throw new Error('a bracket is open')
      return met
    }
    const name = words.shift() ?? ''
    return allowed.has(next('WITH') ? `${name} WITH ${words.shift()}` : name)
  }
  const all = () => {
    let met = one()
    while (next('AND')) met = one() && met
    return met
  }
  const any = () => {
    let met = all()
    while (next('OR')) met = all() || met
    return met
  }
  const met = any()
  return met && words.length === 0
}

/** What the package itself states; for one of another system, what the lock file states. */
function licenseOf(path, entry) {
  const file = `dashboard/${path}/package.json`
  if (!existsSync(new URL(file, root))) return entry.license
  const { license, licenses } = json(file)
  return license?.type ?? license ?? licenses?.map(({ type }) => type).join(' OR ')
}

const { packages } = json('dashboard/package-lock.json')
const findings = []
let count = 0
for (const [path, entry] of Object.entries(packages)) {
  if (path === '') continue
  count += 1
  const name = `${path.replace(/^.*node_modules\//, '')} ${entry.version}`
  const license = licenseOf(path, entry)
  const used = entry.dev || entry.devOptional ? 'a tool' : 'part of the product'
  const allowed = used === 'a tool' ? tools : product
  if (!license) findings.push(`${name} states no licence`)
  else if (!isMet(license, allowed)) findings.push(`${name}: ${license} is not allowed for ${used}`)
}
if (product.size === 0) findings.push('deny.toml lists no licences')
for (const finding of findings) console.error(`licences: ${finding}`)
if (findings.length > 0) process.exit(1)
console.log(`licences: ${count} npm packages have an allowed one`)
