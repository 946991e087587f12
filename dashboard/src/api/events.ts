/**
 * Domain events as they happen. One tab of a browser reads the stream and hands it to the others,
 * so that ten open tabs cost the platform one stream.
 */
import type { QueryClient } from '@tanstack/react-query'
import { setContact } from './contact'
import { follow } from './follow'
import type { DomainEvent } from './types'

type Listener = (event: DomainEvent) => void
type Note = { kind: 'event'; event: DomainEvent } | { kind: 'sign' } | { kind: 'lost' }

const CHANNEL = 'millwright-events'
/** Without a sign from the leading tab for so long, data counts as old. */
const LEADER_SILENCE_MS = 25_000
/** Changes that come together are fetched together. */
const GATHER_MS = 300

const listeners = new Set<Listener>()

/** Hears every event. Returns how to stop. */
export function onEvent(listener: Listener): () => void {
  listeners.add(listener)
  return () => listeners.delete(listener)
}

/** Keeps everything that is shown current for as long as somebody is signed in. */
export function startEvents(queries: QueryClient): () => void {
  const channel = new BroadcastChannel(CHANNEL)
  const stop = new AbortController()
  const refresh = gather(queries)
  let wasLost = false
  let position: number | undefined
  let silence: ReturnType<typeof setTimeout> | undefined
  const hear = (note: Note) => {
    clearTimeout(silence)
    if (note.kind === 'lost') {
      wasLost = true
      setContact('lost')
      return
    }
    silence = setTimeout(() => hear({ kind: 'lost' }), LEADER_SILENCE_MS)
    setContact('live', Date.now())
    // What was missed meanwhile comes as events; what has no events is asked for again.
    if (wasLost) void queries.invalidateQueries()
    wasLost = false
    if (note.kind === 'event') {
      position = note.event.position
      refresh(note.event)
      listeners.forEach((listener) => listener(note.event))
    }
  }
  let heardOthers = false
  channel.onmessage = (message: MessageEvent<Note>) => {
    heardOthers = true
    hear(message.data)
  }
  const tell = (note: Note) => {
    if (stop.signal.aborted) return
    hear(note)
    channel.postMessage(note)
  }
  const takeOver = () => {
    // Another tab led until now, and may have gone some time ago.
    wasLost ||= heardOthers
    return position
  }
  void lead(stop.signal, takeOver, tell)
  return () => {
    stop.abort()
    channel.close()
    clearTimeout(silence)
    setContact('connecting', undefined)
  }
}

/** Becomes the leading tab when no other is, and reads the stream until stopped. */
async function lead(
  stop: AbortSignal,
  takeOver: () => number | undefined,
  tell: (note: Note) => void,
): Promise<void> {
  const work = () =>
    new Promise<void>((resolve) => {
      const after = takeOver()
      const end = follow({
        url: () => `/api/v1/events/stream${after === undefined ? '' : `?after=${after}`}`,
        onSign: () => tell({ kind: 'sign' }),
        onLost: () => tell({ kind: 'lost' }),
        onMessage: (message) => {
          tell({ kind: 'event', event: JSON.parse(message.data) as DomainEvent })
        },
      })
      stop.addEventListener('abort', () => {
        end()
        resolve()
      })
    })
  const locks = (navigator as Partial<Navigator>).locks
  if (!locks) return work()
  await locks.request(CHANNEL, { signal: stop }, work).catch(() => undefined)
}

/** Which queries an event makes old. The first word of a key is its resource. */
export function touchedBy(event: DomainEvent): string[] {
  const [resource] = event.type.split('.')
  switch (resource) {
    case 'alarm':
      return ['alarms', 'machines']
    case 'ticket':
      return ['tickets']
    case 'command':
      return ['commands']
    case 'machine':
      return ['machines']
    case 'rule':
      return ['rules']
    case 'site':
    case 'organization':
      return ['organizations']
    case 'user':
      return ['people']
    default:
      return []
  }
}

function gather(queries: QueryClient): Listener {
  let touched = new Set<string>()
  return (event) => {
    const now = touchedBy(event)
    if (now.length === 0) return
    if (touched.size === 0) {
      setTimeout(() => {
        const keys = touched
        touched = new Set()
        keys.forEach((key) => void queries.invalidateQueries({ queryKey: [key] }))
      }, GATHER_MS)
    }
    now.forEach((key) => touched.add(key))
  }
}
