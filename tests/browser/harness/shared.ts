/** The platform that tests share which don't disturb each other. */
import { rmSync } from 'node:fs'
import type { TestProject } from 'vitest/node'
import { outputFolder } from './output'
import { Platform } from './platform'

declare module 'vitest' {
  interface ProvidedContext {
    platform: string
  }
}

export default async function start(project: TestProject): Promise<() => Promise<void>> {
  rmSync(outputFolder(), { recursive: true, force: true })
  const platform = await Platform.start('shared')
  project.provide('platform', platform.url)
  return () => platform.stop()
}
