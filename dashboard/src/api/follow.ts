/** Follows a stream for as long as it is wanted: comes back after every end, a little later each time. */
import { ProblemError } from './problem'
import { type Message, readStream } from './sse'

/** The platform gives a sign of life every 5 s. */
const SILENCE_MS = 20_000
const PAUSE_MS = { first: 500, longest: 15_000 }

export interface Following {
  url: (lastId: string | undefined) => string
  onMessage: (message: Message) => void
  /** Called when the stream is open, and with anything received. */
  onSign?: () => void
  onLost?: (error: unknown) => void
}

/** Returns how to stop. */
export function follow(options: Following): () => void {
  const stop = new AbortController()
  void run(options, stop.signal)
  return () => stop.abort()
}

async function run(options: Following, stop: AbortSignal): Promise<void> {
  let lastId: string | undefined
  let pause = PAUSE_MS.first
  while (!stop.aborted) {
    const once = new AbortController()
    const end = () => once.abort()
    stop.addEventListener('abort', end, { once: true })
    let silence = setTimeout(end, SILENCE_MS)
    try {
      await readStream(options.url(lastId), {
        lastId,
        signal: once.signal,
        onSign: () => {
          pause = PAUSE_MS.first
          clearTimeout(silence)
          silence = setTimeout(end, SILENCE_MS)
          options.onSign?.()
        },
        onMessage: (message) => {
          lastId = message.id ?? lastId
          options.onMessage(message)
        },
      })
    } catch (error) {
      if (!stop.aborted) options.onLost?.(error)
      if (error instanceof ProblemError && error.status === 403) return
    } finally {
      clearTimeout(silence)
      stop.removeEventListener('abort', end)
    }
    if (stop.aborted) return
    await wait(pause, stop)
    pause = Math.min(pause * 2, PAUSE_MS.longest)
  }
}

/** Waits, but no longer than until the computer is back online or the wait isn't wanted. */
function wait(ms: number, stop: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer)
      window.removeEventListener('online', done)
      resolve()
    }
    const timer = setTimeout(done, ms)
    window.addEventListener('online', done, { once: true })
    stop.addEventListener('abort', done, { once: true })
  })
}
