// @vitest-environment jsdom
/** An alarm in the reader's language: what the platform has made is said anew, people's words stay. */
import { screen } from '@testing-library/react'
import { expect, it } from 'vitest'
import { show } from '../../testing/show'
import { findingsOf } from './explain'
import { useFindingWords } from './findingWords'
import { useAlarmWords } from './words'

type Worded = Parameters<ReturnType<typeof useAlarmWords>>[0]

function Words({ alarm }: { alarm: Worded }) {
  return <p data-testid="words">{useAlarmWords()(alarm)}</p>
}

interface Told {
  origin?: Worded['origin']
  message?: string
  context?: object
}

async function words(told: Told, language: 'en' | 'de' = 'de'): Promise<string | null> {
  const context = told.context as Worded['context']
  const whole: Worded = { origin: 'rule', code: 'c', message: 't above 80', ...told, context }
  const { unmount } = await show(<Words alarm={whole} />, language)
  const text = screen.getByTestId('words').textContent
  unmount()
  return text
}

const LIMIT = { signal: 't', value: 81.5, side: 'above', limit: 80, hold_s: 10 }

it('is made of the conditions that were true', async () => {
  const context = { ...LIMIT, message_key: 'condition' }
  expect(await words({ context })).toBe('t war 81,5, über der Grenze von 80, für 10 s')
  const missing = { kind: 'missing', signal: 'u', for_s: 60 }
  const several = { ...context, causes: [LIMIT, missing] }
  expect(await words({ context: several })).toMatch(/^t war 81,5.*; von u kam für 1 min nichts$/)
  expect(await words({ context }, 'en')).toBe('t above 80')
})

it('is made of what a rule that learns has found', async () => {
  const level = { aspect: 'level', share: 0.7, observed: 9, expected: 5, spread: 2, text: 'x' }
  const range = { aspect: 'range', share: 0.3, observed: 9, expected: 8, spread: 4, text: 'y' }
  const of = { kind: 'anomaly', message_key: 'anomaly' }
  const alone = { ...of, signal: 't', findings: [level, range] }
  expect(await words({ context: alone })).toBe(
    't: das Mittel der letzten 24 Werte ist 9, üblich ist 5 ± 2; ' +
      '9 liegt über dem bisher höchsten Wert 8',
  )
  const together = { ...of, signal: 'a', findings: [{ ...level, aspect: undefined, signal: 'a' }] }
  expect(await words({ context: together })).toMatch(/^a liegt 2 σ über dem, was/)
})

it('stays as it is where it is a person’s, a machine’s, or made of what isn’t understood', async () => {
  expect(await words({ context: LIMIT })).toBe('t above 80')
  const context = { ...LIMIT, message_key: 'condition' }
  expect(await words({ origin: 'fault', context })).toBe('t above 80')
  expect(await words({ context: { message_key: 'condition' } })).toBe('t above 80')
  expect(await words({ context: { message_key: 'anomaly', kind: 'anomaly' } })).toBe('t above 80')
  expect(await words({ context: { ...context, message_key: 'oracle' } })).toBe('t above 80')
  expect(await words({ message: '' })).toBe('Die Grenze einer Regel ist überschritten')
})

function Sentences({ findings }: { findings: readonly object[] }) {
  const say = useFindingWords()
  const all = findingsOf({ kind: 'anomaly', signal: 't', findings })
  return <p data-testid="words">{all.map((finding) => say(finding, 'bar')).join('|')}</p>
}

it('says every aspect in German', async () => {
  const aspects = ['level', 'range', 'season', 'jump', 'spread', 'shape']
  const numbers = { observed: 1, expected: 2, spread: 0.5, text: 'in English' }
  const findings = aspects.map((aspect, place) => ({ aspect, share: 1 - place / 10, ...numbers }))
  await show(
    <Sentences findings={[...findings, { aspect: 'rhythm', share: 0, ...numbers }]} />,
    'de',
  )
  const said = (screen.getByTestId('words').textContent ?? '').split('|')
  expect(said).toHaveLength(7)
  const german = said.slice(0, 6)
  expect(german.filter((text) => /in English/.test(text))).toEqual([])
  expect(german[1]).toMatch(/^1.bar liegt unter dem bisher niedrigsten Wert 2.bar$/)
  expect(german[5]).toMatch(/ist 1 σ vom nächsten/)
  expect(said[6]).toBe('in English')
})
