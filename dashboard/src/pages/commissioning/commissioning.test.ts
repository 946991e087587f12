import { describe, expect, it } from 'vitest'
import { enrollCommand, publishCommand } from './commands'
import { toMachine } from './new-machine'
import { hintsOf, type Place, placeOf, type Progress, queryOf, stageOf } from './place'

describe('the place in the URL', () => {
  it('comes back as it was', () => {
    const place: Place = { step: 'wait', machineId: 'm', way: 'device', since: 5 }
    expect(placeOf(queryOf(place))).toEqual(place)
  })

  it.each(['', 'step=wait', 'machine=m&step=nonsense&since=soon'])('%o is the beginning', (url) => {
    expect(placeOf(new URLSearchParams(url))).toMatchObject({ step: 'machine', since: undefined })
  })
})

describe('hints', () => {
  const progress: Progress = {
    registered: true,
    enrolled: false,
    connected: false,
    hasValues: false,
  }

  it('fit the stage', () => {
    expect(stageOf(progress)).toBe(1)
    expect(hintsOf(progress, 'agent', 10, 5)).toContain('reach')
    expect(hintsOf(progress, 'agent', undefined, 5)).toContain('reach')
    expect(hintsOf(progress, 'agent', 5, 5)).toEqual(['codeEnded'])
    expect(hintsOf({ ...progress, enrolled: true }, 'agent', 5, 5)).toContain('port')
    expect(hintsOf(progress, 'device', undefined, 5)).toContain('port')
    expect(hintsOf({ ...progress, connected: true }, 'agent', 5, 5)).toContain('refused')
    expect(hintsOf({ ...progress, hasValues: true }, 'agent', 5, 5)).toEqual([])
  })
})

describe('commands', () => {
  it('name HTTP without TLS only where the agent asks for it', () => {
    expect(enrollCommand('https://mw.example', 'c')).toBe(
      'millwright-agent enroll --url https://mw.example --code c --data-dir ./agent',
    )
    expect(enrollCommand('http://127.0.0.1:8080', 'c')).not.toContain('insecure')
    expect(enrollCommand('http://mw.example:8080', 'c')).toContain('--insecure-http')
  })

  it('name the host as the certificate does', () => {
    expect(publishCommand('http://127.0.0.1:8080', 'm', 't')).toContain('-h localhost -p 8883')
    expect(publishCommand('https://mw.example', 'm', 't')).toContain('-u m -P t')
  })
})

it('a new machine leaves out what is empty', () => {
  const form = {
    name: ' Press 4 ',
    serial_number: 'P4',
    model: ' ',
    organization_id: null,
    site_id: 'new',
    criticality: 'high' as const,
    site_name: 'Hall',
    time_zone: 'Europe/Vienna',
  }
  expect(JSON.parse(JSON.stringify(toMachine(form, null)))).toEqual({
    name: 'Press 4',
    serial_number: 'P4',
    criticality: 'high',
  })
})
