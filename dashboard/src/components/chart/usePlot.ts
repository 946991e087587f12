import { type RefObject, useEffect, useRef } from 'react'
import uPlot from 'uplot'
import 'uplot/dist/uPlot.min.css'
import { type Model, structureOf } from './model'
import { type Actions, dataOf, heightOf, optionsOf } from './options'

/** Keeps a plot of the model in the element that the reference is given to. */
export function usePlot(
  host: RefObject<HTMLDivElement | null>,
  model: Model,
  size: { width: number; height: number },
  actions: Actions,
): void {
  const latest = useRef({ model, actions })
  const plot = useRef<uPlot>(undefined)
  const width = Math.floor(size.width)
  const height = heightOf(model, size.height)
  const structure = structureOf(model)
  const hasWidth = width > 0
  useEffect(() => {
    latest.current = { model, actions }
  })
  const { colors, words } = model
  const sizeAtStart = useRef({ width, height })
  useEffect(() => {
    sizeAtStart.current = { width, height }
  })
  useEffect(() => {
    if (!host.current || !hasWidth) return
    const made = new uPlot(
      optionsOf(
        () => latest.current.model,
        () => latest.current.actions,
        sizeAtStart.current,
      ),
      dataOf(latest.current.model),
      host.current,
    )
    plot.current = made
    return () => {
      plot.current = undefined
      made.destroy()
    }
  }, [host, structure, hasWidth, colors, words])
  useEffect(() => {
    if (hasWidth) plot.current?.setSize({ width, height })
  }, [width, height, hasWidth])
  useEffect(() => {
    plot.current?.setData(dataOf(model))
  }, [model])
}
