/** The dashboard's own chart with 100,000 points, to see how long it takes to draw. */
import '@mantine/core/styles.css'
import { MantineProvider } from '@mantine/core'
import { createRoot } from 'react-dom/client'
import { TimeChart } from '../src/components/chart/TimeChart'
import type { ChartSeries } from '../src/components/chart/series'
import { startTexts } from '../src/texts'

const SERIES = 20
const POINTS = 5_000
const STEP_MS = 1_000
const from = Date.UTC(2026, 0, 1)

function series(index: number): ChartSeries {
  const points = Array.from({ length: POINTS }, (_, point): [number, number, number, number] => {
    const value = index + Math.sin(point / 40 + index)
    return [from + point * STEP_MS, value, value - 0.2, value + 0.2]
  })
  return {
    signal: `signal.${index}`,
    kind: 'number',
    unit: 'mm',
    resolution: STEP_MS / 1_000,
    points,
  }
}

const all = Array.from({ length: SERIES }, (_, index) => series(index))
await startTexts()
const root = document.getElementById('root')
if (root) {
  const started = performance.now()
  createRoot(root).render(
    <MantineProvider>
      <TimeChart series={all} from={from} to={from + POINTS * STEP_MS} />
    </MantineProvider>,
  )
  const look = () => {
    const isDrawn = document.querySelector('canvas') !== null
    if (!isDrawn) requestAnimationFrame(look)
    // Once more, so that what was drawn is also painted.
    else requestAnimationFrame(() => (document.title = (performance.now() - started).toFixed(0)))
  }
  requestAnimationFrame(look)
}
