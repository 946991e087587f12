import { createServer } from 'node:net'

/** Below the range of outgoing connections, so that a port stays free over a restart. */
const RANGE = { from: 20_000, to: 32_000 }

/** A loopback address on which nobody listens. */
export async function freeAddress(): Promise<string> {
  for (;;) {
    const port = RANGE.from + Math.floor(Math.random() * (RANGE.to - RANGE.from))
    if (await isFree(port)) return `127.0.0.1:${port}`
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
  })
}
