// @vitest-environment jsdom
/** The time of a chart is changed by keys and by buttons. */
import { fireEvent, screen } from '@testing-library/react'
import { describe, expect, it, vi } from 'vitest'
import { show } from '../../testing/show'
import { TimeChart, type TimeChartProps } from './TimeChart'

const FROM = Date.parse('2026-11-28T12:00:00Z')
const TO = FROM + 3_600_000
const chart = (more: Partial<TimeChartProps> = {}) => (
  <TimeChart series={[]} from={FROM} to={TO} {...more} />
)
const frame = () => screen.getByRole('group', { name: 'Time in the chart' })
const press = (key: string, more = {}) => fireEvent.keyDown(frame(), { key, ...more })

describe('a chart that zooms itself', () => {
  it('follows keys, says what it shows, and leads back', async () => {
    await show(chart())
    expect(frame().tabIndex).toBe(0)
    screen.getByText(/By keyboard, on the chart: \+ and − to zoom/)
    expect(screen.getByRole('status').textContent).toBe('')
    press('-')
    expect(screen.getByRole('status').textContent).toBe('')
    press('+')
    expect(screen.getByRole('status').textContent).toMatch(/ to /)
    press('0')
    expect(screen.getByRole('status').textContent).toBe('')
    press('+')
    press('-')
    expect(screen.queryByRole('button', { name: 'Whole time' })).toBeNull()
  })

  it('has buttons for those without keys', async () => {
    await show(chart(), 'de')
    fireEvent.click(screen.getByRole('button', { name: 'Vergrößern' }))
    const first = screen.getByRole('status').textContent
    fireEvent.click(screen.getByRole('button', { name: 'Früher' }))
    expect(screen.getByRole('status').textContent).not.toBe(first)
    fireEvent.click(screen.getByRole('button', { name: 'Ganze Zeit' }))
    expect(screen.getByRole('status').textContent).toBe('')
  })
})

describe('a chart whose page has the time', () => {
  it('asks the page, within its bounds', async () => {
    const onZoom = vi.fn()
    const within = { from: FROM, to: TO + 60_000 }
    const { again } = await show(chart({ onZoom, within }))
    press('0')
    expect(onZoom).not.toHaveBeenCalled()
    press('ArrowRight')
    expect(onZoom).toHaveBeenLastCalledWith({ from: FROM + 60_000, to: TO + 60_000 })
    again(chart({ onZoom, within, from: FROM + 60_000, to: TO + 60_000 }))
    press('ArrowRight')
    expect(onZoom).toHaveBeenCalledTimes(1)
    press('0')
    expect(onZoom).toHaveBeenLastCalledWith(undefined)
  })

  it('leaves the browser its keys, and a held key some time', async () => {
    const onZoom = vi.fn()
    await show(chart({ onZoom }))
    press('+', { ctrlKey: true })
    press('Tab')
    expect(onZoom).not.toHaveBeenCalled()
    press('ArrowLeft')
    press('ArrowLeft', { repeat: true })
    expect(onZoom).toHaveBeenCalledTimes(1)
    expect(onZoom).toHaveBeenCalledWith({ from: FROM - 900_000, to: TO - 900_000 })
  })

  it('doesn’t go on into the future', async () => {
    const onZoom = vi.fn()
    const now = Date.now()
    await show(chart({ onZoom, from: now + 1_000, to: now + 3_601_000 }))
    press('ArrowRight')
    expect(onZoom).not.toHaveBeenCalled()
  })
})
