/** The real programs as processes that don't outlive the tests. */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { closeSync, existsSync, openSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const SHOWN_LINES = 40
const target = fileURLToPath(new URL('../../../target/debug', import.meta.url))

export type Program = 'millwright' | 'millwright-agent'

function find(program: Program): string {
  const path = join(process.env.MILLWRIGHT_PROGRAMS ?? target, program)
  if (!existsSync(path)) {
    throw new Error(`${path} isn't built: cargo build --workspace --bins (make test does)`)
  }
  return path
}

/** The surroundings without settings of a Millwright that somebody runs. */
function surroundings(more: Record<string, string> = {}): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(([name]) => !name.startsWith('MILLWRIGHT_'))
  return { ...Object.fromEntries(kept), ...more }
}

/** Calls a program and gives what it has written. */
export async function call(program: Program, args: string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(find(program), args, { env: surroundings() })
  return stdout
}

/** Calls a line that a person would paste into a shell, with our program in the place of its. */
export async function callLine(line: string, folder: string): Promise<string> {
  const path = `${process.env.MILLWRIGHT_PROGRAMS ?? target}:${process.env.PATH ?? ''}`
  const { stdout } = await promisify(execFile)('sh', ['-c', line], {
    cwd: folder,
    env: surroundings({ PATH: path }),
  })
  return stdout
}

/**
 * A running program. Its standard input is a pipe that is held here: it stops with it, also when
 * the tests are killed.
 */
export class Process {
  readonly #child: ChildProcess
  readonly #log: string
  readonly #name: string
  readonly #ended: Promise<void>

  constructor(program: Program, args: string[], log: string, env: Record<string, string> = {}) {
    const file = openSync(log, 'a')
    this.#name = program
    this.#log = log
    this.#child = spawn(find(program), [...args, '--stop-on-eof'], {
      env: surroundings(env),
      stdio: ['pipe', file, file],
    })
    closeSync(file)
    this.#ended = new Promise((resolve) => {
      this.#child.once('exit', () => resolve())
      this.#child.once('error', () => resolve())
    })
  }

  get id(): number | undefined {
    return this.#child.pid
  }

  /** Throws with the end of its log when it has ended by itself. */
  mustRun(): void {
    if (this.#child.exitCode === null && this.#child.signalCode === null) return
    const lines = readFileSync(this.#log, 'utf8').trimEnd().split('\n').slice(-SHOWN_LINES)
    throw new Error(`${this.#name} has ended:\n${lines.join('\n')}`)
  }

  /** SIGTERM, and waits for the end. */
  async stop(): Promise<void> {
    this.#child.kill('SIGTERM')
    await this.#ended
  }

  /** SIGKILL: what it had in memory is lost. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL')
    await this.#ended
  }
}
