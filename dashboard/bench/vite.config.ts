import react from '@vitejs/plugin-react'
import { defineConfig } from 'vite'

/** A page of the browser tests, no part of the dashboard. */
export default defineConfig({ plugins: [react()] })
