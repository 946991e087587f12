import { fileURLToPath } from 'node:url'
import { defineConfig, type Plugin } from 'vitest/config'

const here = fileURLToPath(new URL('../tests/browser/', import.meta.url))

const dashboard = fileURLToPath(new URL('package.json', import.meta.url))

/** The tests have no packages of their own: they take the dashboard's. */
function dashboardsPackages(): Plugin {
  return {
    name: 'dashboards-packages',
    enforce: 'pre',
    resolveId(source, importer) {
      const isOwn = /^[./\0]|^node:|^\w+:/.test(source)
      const isOurs = importer?.startsWith(here)
      return isOwn || !isOurs ? undefined : this.resolve(source, dashboard, { skipSelf: true })
    },
  }
}

export default defineConfig({
  root: here,
  cacheDir: fileURLToPath(new URL('node_modules/.vite-browser', import.meta.url)),
  plugins: [dashboardsPackages()],
  test: {
    include: ['**/*.test.ts'],
    environment: 'node',
    globalSetup: ['harness/shared.ts'],
    // One after the other: they share a platform, and two cores.
    fileParallelism: false,
    isolate: false,
    testTimeout: 60_000,
    hookTimeout: 60_000,
    teardownTimeout: 30_000,
    reporters: ['verbose'],
  },
})
