/** Server-sent events over `fetch`, so that the request can carry the token. */
import { OfflineError, problemOf } from './problem'
import { noteStatus } from './readiness'
import { accessToken, renew } from './session'

export interface Message {
  id?: string
  event: string
  data: string
}

/** Reads a stream to its end. `onSign` is called for anything received, also signs of life. */
export async function readStream(
  url: string,
  options: {
    lastId?: string
    signal: AbortSignal
    onMessage: (message: Message) => void
    onSign?: () => void
  },
): Promise<void> {
  const headers: Record<string, string> = { accept: 'text/event-stream' }
  const token = await accessToken()
  if (token) headers.authorization = `Bearer ${token}`
  if (options.lastId) headers['last-event-id'] = options.lastId
  const response = await fetch(url, { headers, signal: options.signal, cache: 'no-store' }).catch(
    (error: unknown) => {
      if (options.signal.aborted) throw error
      throw new OfflineError(error)
    },
  )
  noteStatus(response.status)
  // Whoever follows comes back, then with a new token, or the session has ended.
  if (response.status === 401) await renew()
  if (!response.ok || !response.body) {
    throw problemOf(response, await response.json().catch(() => undefined))
  }
  const parser = createParser(options.onMessage)
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader()
  for (;;) {
    const { done, value } = await reader.read()
    if (done) return
    options.onSign?.()
    parser(value)
  }
}

/** Takes the text of a stream in pieces of any size (WHATWG HTML, section 9.2). */
export function createParser(onMessage: (message: Message) => void): (text: string) => void {
  let rest = ''
  let id: string | undefined
  let event = ''
  let data: string[] = []
  const line = (text: string) => {
    if (text === '') {
      if (data.length > 0) onMessage({ id, event: event || 'message', data: data.join('\n') })
      event = ''
      data = []
      return
    }
    const colon = text.indexOf(':')
    if (colon === 0) return
    const field = colon < 0 ? text : text.slice(0, colon)
    const value = colon < 0 ? '' : text.slice(colon + 1).replace(/^ /, '')
    if (field === 'id') id = value
    if (field === 'event') event = value
    if (field === 'data') data.push(value)
  }
  let endedWithCr = false
  return (text) => {
    // The other half of a CR LF that came in two pieces.
    const piece = endedWithCr && text.startsWith('\n') ? text.slice(1) : text
    endedWithCr = text.endsWith('\r')
    const lines = (rest + piece).split(/\r\n|\n|\r/)
    rest = lines.pop() ?? ''
    lines.forEach(line)
  }
}
