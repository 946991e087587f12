import { describe, expect, it } from 'vitest'
import { createParser, type Message } from './sse'

function parse(...pieces: string[]): Message[] {
  const found: Message[] = []
  const take = createParser((message) => found.push(message))
  pieces.forEach(take)
  return found
}

const STREAM =
  ': hello\n\nid: 7\nevent: machine.updated\ndata: {"a":\ndata: 1}\n\ndata:x\n\nretry: 10\n\ndata\n\n'
const MESSAGES: Message[] = [
  { id: '7', event: 'machine.updated', data: '{"a":\n1}' },
  { id: '7', event: 'message', data: 'x' },
  { id: '7', event: 'message', data: '' },
]

describe('createParser', () => {
  it('reads messages; an id lasts, an event’s name does not', () => {
    expect(parse(STREAM)).toEqual(MESSAGES)
  })

  it.each([1, 2, 3, 7, 50])('takes pieces of %s characters', (size) => {
    const pieces = STREAM.match(new RegExp(`[^]{1,${size}}`, 'g')) ?? []
    expect(parse(...pieces)).toEqual(MESSAGES)
  })

  it('takes lines that end with CR LF or CR', () => {
    expect(parse(STREAM.replaceAll('\n', '\r\n'))).toEqual(MESSAGES)
    expect(parse(STREAM.replaceAll('\n', '\r'))).toEqual(MESSAGES)
  })

  it('takes a CR LF that comes in two pieces for one end of line', () => {
    expect(parse('data: a\r', '\ndata: b\r', '\n\r', '\n')).toEqual([
      { id: undefined, event: 'message', data: 'a\nb' },
    ])
  })

  it('gives nothing of what isn’t complete', () => {
    expect(parse('data: a\n')).toEqual([])
    expect(parse('id: 1\n\n')).toEqual([])
  })

  it('takes away one blank after the colon, no more', () => {
    expect(parse('data:  a: b\n\n')[0]?.data).toBe(' a: b')
  })
})
