import react from '@vitejs/plugin-react'
import { defineConfig } from 'vitest/config'
import { entryBudget } from './entry-budget.ts'

/** Where a platform runs while the dashboard is worked on. */
const platform = process.env.MILLWRIGHT_URL ?? 'http://127.0.0.1:8080'

export default defineConfig({
  plugins: [react(), entryBudget()],
  build: { target: 'es2022', sourcemap: false, assetsInlineLimit: 0 },
  server: {
    proxy: {
      '/api': platform,
      '/docs': platform,
      '/openapi.json': platform,
      '/healthz': platform,
      '/readyz': platform,
    },
  },
  test: {
    environment: 'node',
    include: ['src/**/*.test.{ts,tsx}'],
    setupFiles: ['src/testing/setup.ts'],
    testTimeout: 30_000,
  },
})
