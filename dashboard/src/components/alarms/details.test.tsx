// @vitest-environment jsdom
/** What an alarm was raised with: values as they are, what a rule says of them in words. */
import { expect, it } from 'vitest'
import type { Alarm } from '../../api/types'
import type { Language } from '../../format/language'
import { show } from '../../testing/show'
import { AlarmDetails } from './AlarmDetails'

const ID = '01a21295-12ad-769f-a190-9dfb85f46d9f'
const AT = '2026-11-28T12:00:00Z'

const alarm = (context: object, origin: Alarm['origin'] = 'rule'): Alarm => ({
  ...{ id: ID, organization_id: ID, machine_id: ID, version: 1, count: 1, code: ID, source: '' },
  origin,
  severity: 'major',
  ...{ active: true, acknowledged: false, out_of_service: false, message: 'It is hot' },
  ...{ raised_at: AT, received_at: AT, changed_at: AT },
  context: context as Alarm['context'],
})

/** What stands beside each name under the values. */
async function values(of: Alarm, language: Language = 'en'): Promise<Record<string, string>> {
  const { container, unmount } = await show(<AlarmDetails alarm={of} />, language)
  const names = [...(container.querySelector('dl')?.querySelectorAll('dt') ?? [])]
  const told = names.map(({ textContent, nextElementSibling }) => {
    const lines = [...(nextElementSibling?.querySelectorAll('bdi') ?? [])]
    const words = lines.map((line) => line.textContent).join('|')
    return [textContent, words || nextElementSibling?.textContent]
  })
  unmount()
  return Object.fromEntries(told) as Record<string, string>
}

const LIMIT = { signal: 't', value: 81.5, side: 'above', limit: 80, hold_s: 10 }
const MISSING = { kind: 'missing', signal: 'u', for_s: 60 }

it('are the conditions that were true, in words', async () => {
  const context = { ...LIMIT, message_key: 'condition', causes: [LIMIT, MISSING] }
  expect(await values(alarm(context))).toEqual({
    ...{ signal: 't', value: '81.5', side: 'above', limit: '80', hold_s: '10' },
    Why: 't was 81.5, above the limit of 80, for 10 s|nothing of u came for 1 min',
  })
  expect((await values(alarm(context), 'de')).Warum).toBe(
    't war 81,5, über der Grenze von 80, für 10 s|von u kam für 1 min nichts',
  )
})

it('are what a rule that learns has found, in words', async () => {
  const finding = { signal: 'load', share: 1, observed: 9, expected: 5, spread: 2, text: 'x' }
  const context = { kind: 'anomaly', findings: [finding] }
  const told = await values(alarm(context), 'de')
  expect(told.Warum).toMatch(/^load liegt 2 σ über dem, was die Signale der Maschine/)
  expect(told.findings).toBeUndefined()
})

it('stay as they are where they aren’t understood, or are a machine’s', async () => {
  const unknown = { causes: [LIMIT, { kind: 'resonance', signal: 'u' }] }
  expect((await values(alarm(unknown))).causes).toBe(JSON.stringify(unknown.causes))
  const fault = { causes: [LIMIT], findings: [] }
  const told = await values(alarm(fault, 'fault'))
  expect(told).toEqual({ causes: JSON.stringify([LIMIT]), findings: '[]' })
})
