/** What a browser has and jsdom hasn't. */
export {}

if (typeof document !== 'undefined') {
  const { configure } = await import('@testing-library/react')
  // A busy computer takes longer than the usual second.
  configure({ asyncUtilTimeout: 10_000 })
  Object.assign(document, {
    fonts: { addEventListener: () => undefined, removeEventListener: () => undefined },
  })
  Object.assign(globalThis, {
    matchMedia: (media: string) => ({
      media,
      matches: false,
      addEventListener: () => undefined,
      removeEventListener: () => undefined,
    }),
    ResizeObserver: class {
      observe() {}
      unobserve() {}
      disconnect() {}
    },
    // Node knows no page that an address could be relative to.
    Request: class extends Request {
      constructor(input: RequestInfo | URL, init?: RequestInit) {
        super(typeof input === 'string' ? new URL(input, location.href) : input, init)
      }
    },
  })
}
