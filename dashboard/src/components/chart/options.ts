/** How uPlot draws a model. */
import uPlot from 'uplot'
import type { Cell } from './align'
import { lineColor, lineDash } from './colors'
import { drawAbove, drawGround } from './draw'
import { LANE_HEIGHT } from './lanes'
import type { Model } from './model'
import { limitScale, scaleKey } from './scales'

/** Heights in CSS pixels. */
const TOP = 20
const X_AXIS = 44
const Y_AXIS = 48
/** Height of the plot when there are states only. */
const BARE_PLOT = 36
const DAY_MS = 86_400_000
const MINUTE_MS = 60_000
/** Less than this many pixels isn't a selection. */
const DRAG_MIN = 6

export interface Actions {
  onCursor: (at: number | undefined) => void
  onSelect: (range: { from: number; to: number } | undefined) => void
}

export function heightOf({ numbers, lanes }: Model, height: number): number {
  const plot = numbers.length > 0 ? height : TOP + BARE_PLOT + X_AXIS
  return plot + lanes.length * LANE_HEIGHT
}

export function dataOf({ aligned }: Model): uPlot.AlignedData {
  const columns: Cell[][] = aligned.columns.flatMap(({ mean, band }) =>
    band ? [mean, band.max, band.min] : [mean],
  )
  return [aligned.xs, ...columns]
}

/** `current` gives the newest model, as the plot lives longer than one. */
export function optionsOf(
  current: () => Model,
  actions: () => Actions,
  size: { width: number; height: number },
): uPlot.Options {
  const model = current()
  return {
    ...size,
    ms: 1,
    padding: [TOP, model.scales.length > 1 ? 0 : 12, 0, model.scales.length > 0 ? 0 : 12],
    legend: { show: false },
    cursor: {
      y: false,
      points: { size: 7 },
      drag: { x: true, y: false, setScale: false, dist: DRAG_MIN },
      bind: {
        dblclick: () => () => {
          actions().onSelect(undefined)
          return null
        },
      },
    },
    scales: scales(current),
    axes: [xAxis(model), ...yAxes(model)],
    ...lines(model),
    hooks: {
      drawClear: [(u) => drawGround(u, current())],
      draw: [(u) => drawAbove(u, current())],
      setCursor: [(u) => actions().onCursor(cursorTime(u))],
      setSelect: [(u) => select(u, actions())],
    },
  }
}

function cursorTime(u: uPlot): number | undefined {
  const { left } = u.cursor
  return left === undefined || left < 0 ? undefined : u.posToVal(left, 'x')
}

function select(u: uPlot, { onSelect }: Actions): void {
  const { left, width } = u.select
  if (width < DRAG_MIN) return
  const range = { from: u.posToVal(left, 'x'), to: u.posToVal(left + width, 'x') }
  u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false)
  onSelect(range)
}

function scales(current: () => Model): uPlot.Scales {
  const all: uPlot.Scales = {
    x: { time: true, range: () => [current().from, current().to] },
  }
  current().scales.forEach(({ key }) => {
    all[key] = {
      range: (_, min: number | null, max: number | null) => {
        let [low, high] = [min ?? Infinity, max ?? -Infinity]
        const { limits, numbers, scales } = current()
        for (const limit of limits) {
          if (limitScale(limit, numbers, scales)?.key !== key) continue
          low = Math.min(low, limit.value)
          high = Math.max(high, limit.value)
        }
        if (low > high) return [0, 1]
        // A line that doesn't move stands in the middle.
        if (low === high) return [low - (Math.abs(low) || 1) / 10, low + (Math.abs(low) || 1) / 10]
        return uPlot.rangeNum(low, high, 0.1, false)
      },
    }
  })
  return all
}

function lines({ numbers, aligned, colors }: Model): Pick<uPlot.Options, 'series' | 'bands'> {
  const series: uPlot.Series[] = [{}]
  const bands: uPlot.Band[] = []
  numbers.forEach((each, index) => {
    const color = lineColor(colors, index)
    const common = { scale: scaleKey(each), points: { show: false } }
    series.push({
      ...common,
      stroke: color,
      width: 1.75,
      dash: lineDash(index),
      points: { show: undefined, size: 4, fill: color },
    })
    if (!aligned.columns[index]?.band) return
    bands.push({ series: [series.length, series.length + 1], fill: `${color}30` })
    const edge = { ...common, stroke: 'rgba(0,0,0,0)', width: 0 }
    series.push(edge, { ...edge })
  })
  return { series, bands }
}

function look({ colors }: Model): Pick<uPlot.Axis, 'stroke' | 'font' | 'grid' | 'ticks'> {
  return {
    stroke: colors.text,
    font: '11px system-ui, sans-serif',
    grid: { stroke: colors.grid, width: 1 },
    ticks: { stroke: colors.grid, width: 1, size: 4 },
  }
}

function xAxis(model: Model): uPlot.Axis {
  const below = model.lanes.length * LANE_HEIGHT
  const { clock, day } = model.words
  return {
    ...look(model),
    size: X_AXIS + below,
    gap: 6 + below,
    space: 80,
    values: (_, splits, __, ___, step) => {
      let lastDay = ''
      return splits.map((at) => {
        const today = day(at)
        if (step >= DAY_MS) return today
        const time = clock(at, step < MINUTE_MS)
        const isNew = today !== lastDay
        lastDay = today
        return isNew ? `${time}\n${today}` : time
      })
    },
  }
}

function yAxes(model: Model): uPlot.Axis[] {
  return model.scales
    .filter(({ axis }) => axis !== undefined)
    .map(({ key, axis }) => ({
      ...look(model),
      scale: key,
      side: axis === 'left' ? 3 : 1,
      size: Y_AXIS,
      gap: 3,
      space: 36,
      ...(axis === 'right' && { grid: { show: false } }),
      // As many decimals as the steps between the lines have, so that no two say the same.
      values: (_, splits, __, ___, step) =>
        splits.map((value) => model.words.number(value, Math.max(0, Math.ceil(-Math.log10(step))))),
    }))
}
