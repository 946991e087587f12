/** What uPlot doesn't draw itself: gaps, marks, limits and bands of states. Canvas pixels. */
import uPlot from 'uplot'
import { colorIndex, type Lane, LANE, laneTop } from './lanes'
import { endOf, type NumberedMark } from './marks'
import type { Model } from './model'
import { limitScale } from './scales'

const FLAG = { width: 18, height: 15 }
const HATCH_PX = 6

/** Below the lines: where nothing was heard, and how long alarms lasted. */
export function drawGround(u: uPlot, model: Model): void {
  inPlot(u, () => {
    for (const mark of model.marks) {
      if (mark.kind === 'alarm') shade(u, model, mark)
    }
  })
  drawGaps(u, model)
}

/** Above the lines: limits, marks with their numbers, states, units. */
export function drawAbove(u: uPlot, model: Model): void {
  inPlot(u, () => {
    drawLimits(u, model)
    model.marks.forEach((mark) => drawMark(u, model, mark))
  })
  model.lanes.forEach((lane, index) => drawLane(u, model, lane, index))
  drawUnits(u, model)
}

function px(): number {
  return uPlot.pxRatio
}

function font(size: number): string {
  return `${size * px()}px system-ui, sans-serif`
}

function inPlot(u: uPlot, draw: () => void): void {
  const { left, top, width, height } = u.bbox
  u.ctx.save()
  u.ctx.beginPath()
  u.ctx.rect(left, top, width, height)
  u.ctx.clip()
  draw()
  u.ctx.restore()
}

function x(u: uPlot, at: number): number {
  return Math.round(u.valToPos(at, 'x', true))
}

function shade(u: uPlot, model: Model, mark: NumberedMark): void {
  const start = x(u, Math.max(mark.at, model.from))
  const end = x(u, Math.min(endOf(mark, model.to), model.to))
  u.ctx.fillStyle = `${model.colors.alarm(mark.severity)}1f`
  u.ctx.fillRect(start, u.bbox.top, Math.max(end - start, px()), u.bbox.height)
}

function drawGaps(u: uPlot, { gaps, lanes, colors, words }: Model): void {
  const { ctx, bbox } = u
  const height = bbox.height + laneTop(lanes.length).name * px()
  for (const gap of gaps) {
    const start = x(u, gap.from)
    const width = x(u, gap.to) - start
    if (width < 1) continue
    ctx.save()
    ctx.beginPath()
    ctx.rect(start, bbox.top, width, height)
    ctx.clip()
    hatch(ctx, start, bbox.top, width, height, colors.gap)
    ctx.font = font(11)
    const text = words.gap
    if (ctx.measureText(text).width + 12 * px() < width) {
      ctx.fillStyle = colors.text
      ctx.textAlign = 'center'
      ctx.textBaseline = 'middle'
      ctx.fillText(text, start + width / 2, bbox.top + bbox.height / 2)
    }
    ctx.restore()
  }
}

function hatch(
  ctx: CanvasRenderingContext2D,
  left: number,
  top: number,
  width: number,
  height: number,
  color: string,
): void {
  const step = HATCH_PX * px()
  ctx.strokeStyle = `${color}88`
  ctx.lineWidth = px()
  ctx.beginPath()
  for (let offset = -height; offset < width; offset += step) {
    ctx.moveTo(left + offset, top + height)
    ctx.lineTo(left + offset + height, top)
  }
  ctx.stroke()
}

function drawLimits(u: uPlot, { limits, numbers, scales, colors }: Model): void {
  const { ctx, bbox } = u
  ctx.font = font(11)
  ctx.textAlign = 'right'
  ctx.textBaseline = 'bottom'
  for (const limit of limits) {
    const scale = limitScale(limit, numbers, scales)
    if (!scale) continue
    const y = Math.round(u.valToPos(limit.value, scale.key, true))
    line(ctx, [bbox.left, y, bbox.left + bbox.width, y], colors.limit, [6, 4])
    ctx.fillStyle = colors.limit
    ctx.fillText(limit.label, bbox.left + bbox.width - 4 * px(), y - 2 * px())
  }
}

function drawMark(u: uPlot, model: Model, mark: NumberedMark): void {
  const { ctx, bbox } = u
  const alarm = mark.kind === 'alarm'
  const color = alarm ? model.colors.alarm(mark.severity) : model.colors.command
  const at = x(u, Math.max(mark.at, model.from))
  if (mark.at >= model.from) {
    line(ctx, [at, bbox.top, at, bbox.top + bbox.height], color, alarm ? [] : [3, 3])
  }
  const [width, height] = [FLAG.width * px(), FLAG.height * px()]
  // Commands and failures fly below alarms, so that both can be read at the same time.
  const top = bbox.top + (alarm ? 0 : height + 2 * px())
  const left = Math.min(at, bbox.left + bbox.width - width)
  ctx.fillStyle = color
  ctx.beginPath()
  if (alarm) ctx.rect(left, top, width, height)
  else {
    ctx.moveTo(left, top)
    ctx.lineTo(left + width, top)
    ctx.lineTo(left + width - 4 * px(), top + height / 2)
    ctx.lineTo(left + width, top + height)
    ctx.lineTo(left, top + height)
  }
  ctx.fill()
  ctx.fillStyle = model.colors.onMark
  ctx.font = font(10)
  ctx.textAlign = 'center'
  ctx.textBaseline = 'middle'
  ctx.fillText(String(mark.number), left + width / 2 - (alarm ? 0 : px()), top + height / 2 + px())
}

function drawLane(u: uPlot, model: Model, lane: Lane, index: number): void {
  const { ctx, bbox } = u
  const top = laneTop(index)
  const base = bbox.top + bbox.height
  ctx.font = font(11)
  ctx.textBaseline = 'top'
  ctx.textAlign = 'left'
  ctx.fillStyle = model.colors.text
  ctx.fillText(lane.signal, bbox.left, base + top.name * px())
  const y = base + top.band * px()
  const height = LANE.band * px()
  let drawnTo = -Infinity
  for (const segment of lane.segments) {
    const start = x(u, segment.from)
    const end = Math.max(x(u, segment.to), start + 1)
    // Of many changes within a pixel one is enough.
    if (end <= drawnTo) continue
    drawnTo = end
    const [ground, text] = model.colors.states[colorIndex(segment.value)] ?? ['', '']
    ctx.fillStyle = ground
    ctx.fillRect(start, y, end - start, height)
    if (end - start > 4 * px()) {
      ctx.fillStyle = model.colors.edge
      ctx.fillRect(end - px(), y, px(), height)
    }
    write(ctx, model.words.state(segment.value), start, y, end - start, height, text)
  }
}

/** A text in a band, when there is room for it. */
function write(
  ctx: CanvasRenderingContext2D,
  text: string,
  left: number,
  top: number,
  width: number,
  height: number,
  color: string,
): void {
  if (width < 14 * px() || ctx.measureText(text).width + 8 * px() > width) return
  ctx.fillStyle = color
  ctx.textBaseline = 'middle'
  ctx.fillText(text, left + 4 * px(), top + height / 2 + px() / 2)
}

function drawUnits(u: uPlot, { scales, colors }: Model): void {
  const { ctx, bbox } = u
  ctx.font = font(11)
  ctx.fillStyle = colors.text
  ctx.textBaseline = 'bottom'
  for (const { axis, label } of scales) {
    if (!axis) continue
    ctx.textAlign = axis
    const edge = axis === 'left' ? 2 * px() : u.ctx.canvas.width - 2 * px()
    ctx.fillText(label, edge, bbox.top - 5 * px())
  }
}

function line(
  ctx: CanvasRenderingContext2D,
  [x0, y0, x1, y1]: [number, number, number, number],
  color: string,
  dash: number[],
): void {
  ctx.save()
  ctx.strokeStyle = color
  ctx.lineWidth = 1.5 * px()
  ctx.setLineDash(dash.map((each) => each * px()))
  ctx.beginPath()
  ctx.moveTo(x0, y0)
  ctx.lineTo(x1, y1)
  ctx.stroke()
  ctx.restore()
}
